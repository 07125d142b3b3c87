//! A store beside the lab, where its machines reach it, for what leaves them.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use xshell::cmd;

use super::seaweedfs::{IDENTITIES, free_ports, words};
use crate::setup::{self, Tool};
use crate::tools::files::private;
use crate::tools::process::{Run, Session, interrupt, shell};
use crate::tools::rclone::{self, Access};

/// The longest until it answers.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// It ends with this.
pub struct Store {
    server: Session,
    _folder: private::Folder,
    /// Who may write there, and where it is.
    pub access: Access,
}

impl Store {
    /// Starts one at this address of this machine, with an empty bucket.
    pub fn start(address: &str, bucket: &str) -> Result<Store> {
        let program = setup::require(Tool::SeaweedFs)?;
        let folder = private::Folder::new()?;
        fs::write(folder.join("identities.json"), IDENTITIES)?;
        fs::create_dir(folder.join("data"))?;
        let ports = free_ports().context("looking for free ports")?;
        let serve = words(address, folder.path().as_str(), ports);
        let access = Access {
            endpoint: Some(format!("http://{address}:{}", ports[0])),
            region: None,
            authority: None,
            key_id: "writer".to_owned(),
            secret: "hidden-1".to_owned(),
        };
        let server = Session::start(cmd!(shell(), "{program} {serve...}"), "the store")?;
        let store = Store { server, _folder: folder, access };
        let (client, began) = (rclone::Store::new(&store.access)?, Instant::now());
        while !Run::new(client.make(shell(), bucket)).succeeds()? {
            ensure!(
                began.elapsed() < READY_TIMEOUT,
                "the store beside the lab does not answer after {READY_TIMEOUT:?}"
            );
            interrupt::pause(Duration::from_millis(200))?;
        }
        Ok(store)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.server.group.signal(Signal::KILL);
    }
}
