//! A paper that is brought in parts while releases change.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use libtest_mimic::Failed;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::typestate::WithBody;
use ureq::{Body, RequestBuilder};

use super::check;
use super::project::Project;

/// Of the file, and of its first part.
const SIZE: usize = 700_000;
const FIRST: usize = 300_000;

fn posted(url: &str) -> RequestBuilder<WithBody> {
    ureq::post(url).header("content-type", "application/json")
}

fn json_of(mut answer: Response<Body>) -> Result<Value, Failed> {
    Ok(serde_json::from_str(&answer.body_mut().read_to_string()?)?)
}

/// What is said to be let in.
fn log_in(url: &str, email: &str, password: &str) -> Result<String, Failed> {
    let who = json!({ "email": email, "password": password });
    let login = json_of(posted(&format!("{url}/api/auth/login")).send(who.to_string())?)?;
    Ok(format!("Bearer {}", login["token"].as_str().ok_or("no token")?))
}

/// A file that is on its way.
pub struct Upload {
    email: String,
    password: String,
    authorization: String,
    shipment: String,
    path: String,
    /// All of it.
    pub file: Vec<u8>,
}

impl Upload {
    /// Somebody enters a shipment, and brings the first part of its paper.
    pub fn begin(project: &Project) -> Result<Upload, Failed> {
        let upload = Upload::announce(project, "papers@harbour.example", SIZE)?;
        check(upload.send(project, 0, FIRST)? == FIRST, || "the first part did not arrive".into())?;
        Ok(upload)
    }

    /// Somebody enters a shipment, and says that a paper of so many bytes is coming.
    pub fn announce(project: &Project, email: &str, size: usize) -> Result<Upload, Failed> {
        let add = ["user", "add", "--organisation", email, "--new-organisation", "--email", email];
        let added = project.xtask(&[&add[..], &["--name", "Grace", "--json"]].concat()).json()?;
        let password = added["password"].as_str().ok_or("no password")?.to_owned();
        let url = |path: &str| format!("{}{path}", project.url());
        let authorization = log_in(&project.url(), email, &password)?;
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
        Ok(Upload { email: email.to_owned(), password, authorization, shipment, path, file })
    }

    /// The rest of it comes, and it is the same file.
    pub fn end(self, project: &Project) -> Result<Paper, Failed> {
        check(self.send(project, FIRST, SIZE)? == SIZE, || "the last part did not arrive".into())?;
        self.whole(project)
    }

    /// All of it has come, and it is the same file.
    pub fn whole(self, project: &Project) -> Result<Paper, Failed> {
        let url = format!("{}/api/shipments/{}/papers", project.url(), self.shipment);
        let request = ureq::get(url).header("authorization", &self.authorization);
        let papers = json_of(request.call()?)?;
        let id = papers["items"][0]["id"].as_str().ok_or_else(|| format!("{papers}"))?.to_owned();
        let paper = Paper { email: self.email, password: self.password, id, file: self.file };
        paper.is_served(&project.url())?;
        Ok(paper)
    }

    fn send(&self, project: &Project, from: usize, to: usize) -> Result<usize, Failed> {
        let answer = self.part(project, from).send(&self.file[from..to])?;
        Ok(answer.headers()["upload-offset"].to_str()?.parse()?)
    }

    /// A part of it that begins there, to be sent.
    pub fn part(&self, project: &Project, from: usize) -> RequestBuilder<WithBody> {
        ureq::patch(format!("{}{}", project.url(), self.path))
            .header("authorization", &self.authorization)
            .header("tus-resumable", "1.0.0")
            .header("content-type", "application/offset+octet-stream")
            .header("upload-offset", from.to_string())
    }
}

/// A file that has come whole.
pub struct Paper {
    email: String,
    password: String,
    id: String,
    file: Vec<u8>,
}

impl Paper {
    /// Who brought it logs in at this address and gets the same file.
    pub fn is_served(&self, url: &str) -> Result<(), Failed> {
        let request = ureq::get(format!("{url}/api/papers/{}/content", self.id));
        let content = request.header("authorization", log_in(url, &self.email, &self.password)?).call()?;
        let content = content.into_body().into_with_config().limit(1 << 26).read_to_vec()?;
        check(content == self.file, || {
            format!("what came back has {} bytes, and is another file", content.len())
        })
    }
}
