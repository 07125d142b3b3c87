//! A paper that is brought in parts while releases change.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::Failed;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::typestate::WithBody;
use ureq::{Body, RequestBuilder, SendBody};

use crate::support::check;
use crate::support::project::Project;

/// Of the file, and of its first part.
const SIZE: usize = 700_000;
const FIRST: usize = 300_000;
/// A large one, and a slow line: so many bytes ten times a second.
const LARGE: usize = 20_000_000;
const A_TENTH: usize = 20_000;
/// The most that a part may have.
const PART: usize = 512 * 1024;

fn posted(url: &str) -> RequestBuilder<WithBody> {
    ureq::post(url).header("content-type", "application/json")
}

fn json_of(mut answer: Response<Body>) -> Result<Value, Failed> {
    Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
}

/// A file of which the first part has arrived.
pub struct Upload {
    authorization: String,
    shipment: String,
    path: String,
    file: Vec<u8>,
}

impl Upload {
    /// Somebody enters a shipment, and brings the first part of its paper.
    pub fn begin(project: &Project) -> Result<Upload, Failed> {
        let upload = Upload::announce(project, "papers@harbour.example", SIZE)?;
        check(upload.send(project, 0, FIRST)? == FIRST, || "the first part did not arrive".into())?;
        Ok(upload)
    }

    /// Somebody enters a shipment, and says that a paper of so many bytes is coming.
    fn announce(project: &Project, email: &str, size: usize) -> Result<Upload, Failed> {
        let add = ["user", "add", "--organisation", email, "--new-organisation", "--email", email];
        let added = project.xtask(&[&add[..], &["--name", "Grace", "--json"]].concat()).json()?;
        let log_in = json!({ "email": email, "password": added["password"] });
        let url = |path: &str| format!("{}{path}", project.url());
        let login = json_of(posted(&url("/api/auth/login")).send(log_in.to_string())?)?;
        let authorization = format!("Bearer {}", login["token"].as_str().ok_or("no token")?);
        let new = json!({ "reference": "P-1", "product": "Cocoa", "origin_port": "Tema", "destination_port": "Antwerp" });
        let request = posted(&url("/api/shipments")).header("authorization", &authorization);
        let shipment = json_of(request.send(new.to_string())?)?;
        let shipment = shipment["id"].as_str().ok_or("no shipment")?.to_owned();

        let said = |key: &str, value: &str| format!("{key} {}", STANDARD.encode(value));
        let begun = ureq::post(url(&format!("/api/shipments/{shipment}/papers")))
            .header("authorization", &authorization)
            .header("tus-resumable", "1.0.0")
            .header("upload-length", size.to_string())
            .header("upload-metadata", [said("kind", "other"), said("filename", "a.pdf")].join(","))
            .send_empty()?;
        let path = begun.headers()["location"].to_str()?.to_owned();
        let file =
            b"%PDF-1.7\n".iter().copied().chain((0_u32..).map(|n| (n % 251) as u8)).take(size).collect();
        Ok(Upload { authorization, shipment, path, file })
    }

    /// The rest of it comes, and it is the same file.
    pub fn end(self, project: &Project) -> Result<(), Failed> {
        check(self.send(project, FIRST, SIZE)? == SIZE, || "the last part did not arrive".into())?;
        self.is_there(project)
    }

    /// It came as it was sent.
    fn is_there(&self, project: &Project) -> Result<(), Failed> {
        let url = format!("{}/api/shipments/{}/papers", project.url(), self.shipment);
        let request = ureq::get(url).header("authorization", &self.authorization);
        let papers = json_of(request.call()?)?;
        let paper = papers["items"][0]["id"].as_str().ok_or_else(|| format!("{papers}"))?;
        let url = format!("{}/api/papers/{paper}/content", project.url());
        let request = ureq::get(url).header("authorization", &self.authorization);
        let content = request.call()?.body_mut().read_to_vec()?;
        check(content == self.file, || {
            format!("what came back has {} bytes, and is another file", content.len())
        })
    }

    fn send(&self, project: &Project, from: usize, to: usize) -> Result<usize, Failed> {
        let answer = self.part(project, from).send(&self.file[from..to])?;
        Ok(answer.headers()["upload-offset"].to_str()?.parse()?)
    }

    fn part(&self, project: &Project, from: usize) -> RequestBuilder<WithBody> {
        ureq::patch(format!("{}{}", project.url(), self.path))
            .header("authorization", &self.authorization)
            .header("tus-resumable", "1.0.0")
            .header("content-type", "application/offset+octet-stream")
            .header("upload-offset", from.to_string())
    }

    /// All of it over a slow line. No part needs a second try: a switch waits for none, and cuts none off.
    fn send_slowly(&self, project: &Project) -> Result<(), Failed> {
        for (at, part) in self.file.chunks(PART).enumerate() {
            let mut slow = Slow(part);
            let request = self.part(project, at * PART).header("content-length", part.len().to_string());
            request.send(SendBody::from_reader(&mut slow)).map_err(|error| format!("part {at}: {error}"))?;
        }
        Ok(())
    }
}

/// What comes at the pace of a slow line.
struct Slow<'a>(&'a [u8]);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        thread::sleep(Duration::from_millis(100));
        let length = buffer.len().min(A_TENTH);
        self.0.read(&mut buffer[..length])
    }
}

/// A large paper comes over a slow line while a release takes over, and while it is taken back.
pub fn over_a_slow_line(project: &Project) -> Result<(), Failed> {
    // It may be the only trial.
    if project.live().is_none() {
        project.deploy().succeeds()?;
    }
    let upload = Upload::announce(project, "slowly@harbour.example", LARGE)?;
    let before = project.live();
    thread::scope(|scope| {
        let sending = scope.spawn(|| upload.send_slowly(project));
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
    upload.is_there(project)
}
