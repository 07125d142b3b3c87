//! Where drills are held: a lab of a copy of the repository, with a release that is well and somebody who is told.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use camino::Utf8PathBuf;
use serde::Deserialize;
use serde_json::Value;
use xshell::cmd;

use super::page::Page;
use crate::lab::inbox::Inbox;
use crate::lab::store::Store;
use crate::lab::{Lab, Vps};
use crate::product::checkout::{Checkout, FAULT, Version};
use crate::project::{EDGE, NAME};
use crate::terminal::{self, Activity, paint};
use crate::tools::docker::{container, volume};
use crate::tools::files::lock::Lock;
use crate::tools::http::{Authority, Client, Trust};
use crate::tools::process::{Finished, Run, Session, shell};

/// The copy's folder, and the lab's in it.
const PURPOSE: &str = "drill";
/// The environment on the lab's first machine.
pub const ENVIRONMENT: &str = "lab";
/// Its root folder there.
pub const ROOT: &str = "/opt/tracehub-app";
/// The environment that the runbook speaks of: its name is all that a drill reads otherwise.
pub const SPOKEN_OF: &str = "production";
/// Where everything of the environment is but the data: a disk of its own, small enough to be filled.
const DISK: &str = "size=1600m";
/// What a drill may leave among the backups.
pub const LEFTOVERS: &str = "*-drill.*";
/// What a drill may leave in the copy.
const FILES: [&str; 3] =
    ["tracehub/deploy/secrets/lab.env", "tracehub/deploy/secrets/lab.recipients", ".local/drill.key"];
/// By which the key is found that opens the environment's encrypted file.
const KEY_VARIABLE: &str = "SOPS_AGE_KEY_FILE";
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const CALL_TIMEOUT: Duration = Duration::from_secs(900);
pub const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// What asks a person, and what a person answers there.
const ANSWERS: [(&[&str], &[&str]); 5] = [
    (&["deploy"], &["--yes"]),
    (&["prune"], &["--yes"]),
    (&["secrets", "revoke"], &["--yes"]),
    (&["db", "restore"], &["--confirm", ENVIRONMENT]),
    (&["host", "restore"], &["--yes"]),
];

/// A machine with an environment on it.
pub struct DrillLab {
    /// The copy in which commits are made and xtask is called.
    pub copy: Checkout,
    /// The release that is well.
    pub well: Version,
    /// Who is told of alarms.
    pub inbox: Inbox,
    /// Where users come.
    pub url: String,
    /// The machine.
    pub host: Vps,
    /// Where copies leave it for, in a drill that needs that.
    pub store: RefCell<Option<Store>>,
    authority: Option<String>,
    client: Client,
    values: RefCell<BTreeMap<String, String>>,
    live_when_well: RefCell<String>,
    is_another: Cell<bool>,
}

impl DrillLab {
    /// Brings up a lab, and deploys there.
    pub fn set(yes: bool) -> Result<DrillLab> {
        let copy = Checkout::make(PURPOSE)?;
        let up = ["lab", "up", "--https", "--yes"];
        let up = if yes { &up[..] } else { &up[..3] };
        Activity::of("a machine to drill on", |_| call(&copy, up))?;
        #[derive(Deserialize)]
        struct Status {
            lab: Lab,
        }
        let status: Status = serde_json::from_str(&call(&copy, &["lab", "status", "--json"])?.stdout)?;
        let variables = variables(&copy)?;
        variables.iter().for_each(|(name, value)| copy.set_variable(name, value));
        let variable = |name: &str| variables.get(name).with_context(|| format!("the lab has no {name}"));
        let root =
            fs::read_to_string(variable("LAB_ACME_ROOT")?).context("reading the authority's certificate")?;
        let client =
            Client { address: Some(LOOPBACK), authority: Authority::parse(&root), trust: Trust::Now };
        let host = status.lab.first()?.clone();
        let authority = status.lab.authority.map(|authority| authority.container);
        let inbox = Inbox::open(&host)?;
        copy.set_variable("SLACK_WEBHOOK_URL", &inbox.url);
        copy.set_variable("ALARM_SMTP", &inbox.smtp);
        let url = variable("LAB_URL")?.clone();
        let well = copy.with_faults()?;
        let (values, live_when_well) = (RefCell::default(), RefCell::default());
        let (store, is_another) = (RefCell::default(), Cell::default());
        let lab = DrillLab {
            copy,
            well,
            inbox,
            url,
            host,
            store,
            authority,
            client,
            values,
            live_when_well,
            is_another,
        };
        Activity::of("the set-up of the machine", |_| {
            lab.call(&["host", "setup", "--env", ENVIRONMENT, "--yes"])?;
            lab.root(&["mount", "-t", "tmpfs", "-o", DISK, "tmpfs", ROOT])?;
            lab.root(&["chown", "deploy", ROOT])
        })?;
        Ok(lab)
    }

    /// Held while a drill runs: one at a time, since they have one lab.
    pub fn lock() -> Result<Lock> {
        let lock = Checkout::folder(PURPOSE).with_file_name("lock");
        Lock::hold(&lock, || {
            terminal::note("  the lab of the drills: waiting for another `cargo xtask drill` here")
        })
    }

    /// Removes the lab, also one that a drill left which was cut off, and whether the copy that it was brought up in is there or not.
    pub fn clear() -> Result<()> {
        let folder = Checkout::folder(PURPOSE);
        let home = folder.parent().context("the copy has a folder around it")?;
        let home = home.canonicalize_utf8().with_context(|| format!("looking for {home}"))?;
        Activity::of("the lab of the drills goes", |_| Lab::down_of(&home.join("copy"))).map(drop)
    }

    /// The release that is well serves, and nobody was told of anything yet.
    pub fn make_well(&self) -> Result<()> {
        self.values.borrow_mut().clear();
        self.put(SPOKEN_OF, ENVIRONMENT);
        self.put(&SPOKEN_OF.to_uppercase(), &ENVIRONMENT.to_uppercase());
        self.copy.go_to(&self.well)?;
        self.copy.set_variable(KEY_VARIABLE, "");
        for file in FILES.map(|file| self.copy.file(file)) {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).context(file),
                _ => {}
            }
        }
        self.call(&["deploy", "--yes", "--env", ENVIRONMENT])?;
        self.root(&["find", &format!("{ROOT}/backups"), "-name", LEFTOVERS, "-delete"])?;
        // What the watcher has told in the drill before counts among the messages of the hour.
        self.call(&["monitor", "down", "--env", ENVIRONMENT])?;
        self.root(&["rm", "-f", &format!("{ROOT}/watch/state/state.json")])?;
        self.call(&["monitor", "up", "--env", ENVIRONMENT])?;
        self.live_when_well.replace(self.live()?);
        Ok(())
    }

    /// Who had the traffic before the trouble.
    pub fn live_when_well(&self) -> String {
        self.live_when_well.borrow().clone()
    }

    /// What a word of the runbook stands for in this drill.
    pub fn put(&self, word: &str, value: &str) {
        self.values.borrow_mut().insert(word.to_owned(), value.to_owned());
    }

    /// Does what the page says, as it stands there, to the end. The last command must print what the page says; gives what it printed.
    pub fn follow(&self, page: &Page) -> Result<String> {
        let mut printed = String::new();
        for words in &page.commands {
            let words: Vec<String> = words.iter().map(|word| self.meant(word)).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            if let Some(values) = words.strip_prefix(&["export"]) {
                let values = values.iter().filter_map(|value| value.split_once('='));
                values.for_each(|(name, value)| self.copy.set_variable(name, value));
                continue;
            }
            let Some(words) = words.strip_prefix(&["cargo", "xtask"]) else {
                bail!("the page has `{}`, which is no call of xtask", words.join(" "));
            };
            let words = answered(words);
            terminal::note(paint::dim(format_args!("  cargo xtask {}", words.join(" "))));
            printed = self.call(&words)?;
        }
        let well = page.well.as_deref().unwrap_or_default();
        let well = self.meant(well);
        // Columns of a table are as wide as they must be.
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        ensure!(
            plain(&printed).contains(&plain(&well)),
            "the page says that it prints '{well}', and it printed:\n{printed}"
        );
        Ok(printed)
    }

    /// What words of the runbook say in this drill.
    pub fn meant(&self, word: &str) -> String {
        let values = self.values.borrow();
        values.iter().fold(word.to_owned(), |word, (from, to)| word.replace(from, to))
    }

    /// A call of xtask that must go well. Gives what it printed.
    pub fn call(&self, words: &[&str]) -> Result<String> {
        let Finished { stdout, stderr, .. } = call(&self.copy, words)?;
        Ok(stdout + &stderr)
    }

    /// What a call prints for programs.
    pub fn json(&self, words: &[&str]) -> Result<Value> {
        let told = call(&self.copy, words)?.stdout;
        serde_json::from_str(&told).with_context(|| format!("it said {told:?}"))
    }

    /// A call of xtask that goes on by itself.
    pub fn begin(&self, words: &[&str]) -> Result<Session> {
        Ok(Session::start(self.copy.xtask(words)?, "cargo xtask")?)
    }

    /// Runs a command as root on the machine: this is how trouble is made, never how it is ended.
    pub fn root(&self, words: &[&str]) -> Result<String> {
        Ok(Run::new(container::exec(shell(), &self.host.container, "0", words)).text()?)
    }

    /// The container of a service of the platform.
    pub fn platform(service: &str) -> String {
        format!("{NAME}-{ENVIRONMENT}-platform-{service}-1")
    }

    /// The edge's.
    pub fn edge() -> String {
        DrillLab::platform(EDGE.name)
    }

    /// Commits the release that is well with this fault, and has its images pushed.
    pub fn with_fault(&self, fault: &str) -> Result<Version> {
        let (file, from, to) = FAULT;
        self.copy.beside(
            &self.well,
            &format!("a release with the fault {fault}"),
            (file, from, &format!("{to}{fault}\n")),
        )
    }

    /// Who has the traffic.
    pub fn live(&self) -> Result<String> {
        Ok(self.root(&["cat", &format!("{ROOT}/live/live")])?.trim().to_owned())
    }

    /// How whoever trusts the lab's authority asks.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// What one gets who asks for this.
    pub fn get(&self, path: &str) -> Result<u16> {
        Ok(self.client.get(&format!("{}{path}", self.url), ASK_TIMEOUT)?.status)
    }

    /// The name by which users know the machine.
    pub fn name(&self) -> String {
        self.host.name()
    }

    /// Stops the authority that certifies it, or starts it again.
    pub fn authority(&self, verb: &str) -> Result<()> {
        let container = self.authority.as_ref().context("the lab has no authority")?;
        Ok(Run::new(cmd!(shell(), "docker {verb} {container}")).run()?)
    }

    /// From here on, the environment has an encrypted file, and the key that opens it lies here.
    pub fn encrypt(&self) -> Result<()> {
        let (key, recipient) = self.key()?;
        self.copy.set_variable(KEY_VARIABLE, key.as_str());
        self.call(&["secrets", "recipients", "add", PURPOSE, &recipient, "--env", ENVIRONMENT]).map(drop)
    }

    /// A key of this drill's: its file, and its public half.
    pub fn key(&self) -> Result<(Utf8PathBuf, String)> {
        let key = self.copy.file(FILES[2]);
        Run::new(cmd!(shell(), "age-keygen -o {key}")).run()?;
        let recipient = Run::new(cmd!(shell(), "age-keygen -y {key}")).text()?;
        Ok((key, recipient.trim().to_owned()))
    }

    /// The machine is gone, with all that it had.
    pub fn lose_machine(&self) -> Result<()> {
        self.is_another.set(true);
        container::remove(shell(), &self.host.container)?;
        Ok(volume::remove(shell(), &self.host.container)?)
    }

    /// A bare one has the address of the one that was lost; gives the key that it shows.
    pub fn another_machine(&self) -> Result<String> {
        call(&self.copy, &["lab", "up", "--https"])?;
        let variables = variables(&self.copy)?;
        let variable = |name: &str| variables.get(name).with_context(|| format!("the lab has no {name}"));
        // The authority is elsewhere now, which that of the world never is.
        self.copy.set_variable("LAB_ACME", variable("LAB_ACME")?);
        variable("LAB_HOST_KEY").cloned()
    }

    /// Whether its machine is the one that was set up for drills, which the next one may be held on.
    pub fn is_as_set(&self) -> bool {
        !self.is_another.get()
    }

    /// Writes a file of the machine's, as root, with the owner of what was there.
    pub fn write(&self, path: &str, text: &str) -> Result<()> {
        let container = &self.host.container;
        let write = cmd!(shell(), "docker exec --interactive {container} tee {path}");
        Ok(Run::new(write).stdin(text).run()?)
    }
}

/// What leads to the machine.
fn variables(copy: &Checkout) -> Result<BTreeMap<String, String>> {
    let told = call(copy, &["lab", "env"])?.stdout;
    let variables = told.lines().filter_map(|line| line.strip_prefix("export ")?.split_once('='));
    Ok(variables.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect())
}

/// With what a person answers who is asked.
fn answered<'a>(words: &[&'a str]) -> Vec<&'a str> {
    let asks = ANSWERS.iter().find(|(verb, _)| words.starts_with(verb) && !words.contains(&"--plan"));
    let (verb, answer) = asks.map_or((0, &[][..]), |(verb, answer)| (verb.len(), *answer));
    let (verb, rest) = words.split_at(verb);
    [verb, answer, rest].concat()
}

fn call(copy: &Checkout, words: &[&str]) -> Result<Finished> {
    Ok(Run::new(copy.xtask(words)?).timeout(CALL_TIMEOUT).checked()?)
}
