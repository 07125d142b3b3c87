//! A large paper that comes over a slow line while releases change.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use ureq::SendBody;

use crate::support::check;
use crate::support::papers::Upload;
use crate::support::project::Project;

/// The file's bytes, and how many of them the line carries ten times a second.
const SIZE: usize = 20_000_000;
const A_TENTH: usize = 20_000;
/// The most that a part may have.
const PART: usize = 512 * 1024;

/// A release takes over meanwhile, and is taken back.
pub fn large_paper(project: &Project) -> Result<(), Failed> {
    // It may be the only trial.
    if project.live().is_none() {
        project.deploy().succeeds()?;
    }
    let upload = Upload::announce(project, "slowly@harbour.example", SIZE)?;
    let before = project.live();
    thread::scope(|scope| {
        let sending = scope.spawn(|| send(&upload, project));
        project.append("tracehub/frontend/src/main.ts", "console.info('while a paper comes')\n");
        project.commit("A release while a paper comes");
        let switched = project.deploy().succeeds().and_then(|_| project.xtask(&["rollback"]).succeeds());
        let is_coming = !sending.is_finished();
        let sent = sending.join().expect("no panic");
        switched?;
        sent?;
        check(is_coming, || "the paper was there before both switches were over".into())
    })?;
    check(project.live() == before, || "the rollback did not take the release back".into())?;
    upload.whole(project).map(drop)
}

/// All of it. No part needs a second try: a switch waits for none, and cuts none off.
fn send(upload: &Upload, project: &Project) -> Result<(), Failed> {
    for (at, part) in upload.file.chunks(PART).enumerate() {
        let mut slow = Slow(part);
        let request = upload.part(project, at * PART).header("content-length", part.len().to_string());
        request.send(SendBody::from_reader(&mut slow)).map_err(|error| format!("part {at}: {error}"))?;
    }
    Ok(())
}

/// What comes at the pace of the line.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        thread::sleep(Duration::from_millis(100));
        let length = buffer.len().min(A_TENTH);
        self.0.read(&mut buffer[..length])
    }
}
