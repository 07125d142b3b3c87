//! `rclone`, as a client of S3-compatible stores: it checks the sum of what it sends, and tries again within bounds.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::{Context, Result};
use camino::Utf8Path;
use serde::Deserialize;
use xshell::{Cmd, Shell, cmd};

use crate::tools::files::private::Folder;

/// How often it tries, and how long it waits for a store that says nothing.
const BOUNDS: [&str; 7] = [
    "--retries=3",
    "--retries-sleep=2s",
    "--low-level-retries=3",
    "--contimeout=10s",
    "--timeout=60s",
    "--log-level=ERROR",
    // Never what has the same size and time already.
    "--ignore-times",
];

/// The certificate of an authority, in the private folder.
const AUTHORITY: &str = "authority.pem";

/// The exit code of a list of what there is not.
pub const NO_FOLDER: i32 = 3;

/// A store, and who comes.
#[derive(Debug, Clone)]
pub struct Access {
    /// Its address; none is Amazon's own.
    pub endpoint: Option<String>,
    /// Its region, where it has any.
    pub region: Option<String>,
    /// The certificate of the authority that signed the store's, in PEM, where that is one of somebody's own.
    pub authority: Option<String>,
    /// Who comes.
    pub key_id: String,
    /// The secret that proves it.
    pub secret: String,
}

/// A store, for as long as this is there: what may come in lies in a private file meanwhile.
pub struct Store {
    folder: Folder,
}

/// A file in a store.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Object {
    /// Its name, without its folder.
    pub name: String,
    /// In bytes.
    pub size: u64,
}

impl Store {
    /// Nothing is asked of it yet.
    pub fn new(access: &Access) -> Result<Store> {
        let folder = Folder::new()?;
        let file = folder.join("rclone.conf");
        let mut made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
        made.write_all(configuration(access).as_bytes()).with_context(|| format!("writing {file}"))?;
        if let Some(pem) = &access.authority {
            let file = folder.join(AUTHORITY);
            fs::write(&file, pem).with_context(|| format!("writing {file}"))?;
        }
        Ok(Store { folder })
    }

    fn call<'a>(&self, sh: &'a Shell, words: &[&str]) -> Cmd<'a> {
        let (configuration, authority) = (self.folder.join("rclone.conf"), self.folder.join(AUTHORITY));
        let authority = authority.exists().then(|| format!("--ca-cert={authority}"));
        // It can't come anywhere with a list of authorities that is told for Amazon's own tools; that of the system it knows.
        cmd!(sh, "rclone --config {configuration} {authority...} {BOUNDS...} {words...}")
            .env_remove("AWS_CA_BUNDLE")
    }

    /// A folder for what is on its way, as private.
    pub fn folder(&self) -> &Utf8Path {
        self.folder.path()
    }

    /// How many bytes are free there.
    pub fn free(&self) -> Result<u64> {
        self.folder.free()
    }

    /// Makes a bucket, where there is none of this name.
    pub fn make<'a>(&self, sh: &'a Shell, bucket: &str) -> Cmd<'a> {
        self.call(sh, &["mkdir", "--s3-no-check-bucket=false", &remote(bucket)])
    }

    /// Sends a file whole: until its end has come and its sum was found right, the store has nothing of this name.
    pub fn send<'a>(&self, sh: &'a Shell, file: &Utf8Path, to: &str) -> Cmd<'a> {
        self.call(sh, &["copyto", file.as_str(), &remote(to)])
    }

    /// Prints a file as it is.
    pub fn read<'a>(&self, sh: &'a Shell, path: &str) -> Cmd<'a> {
        self.call(sh, &["cat", &remote(path)])
    }

    /// Prints what is in a folder, or what is known of a file: [`objects`] reads it.
    pub fn list<'a>(&self, sh: &'a Shell, path: &str) -> Cmd<'a> {
        self.call(sh, &["lsjson", "--files-only", "--no-modtime", &remote(path)])
    }

    /// Prints the paths of the files that are in a folder and below it, `PATH;BYTES` a line; where there is none, it ends with
    /// [`NO_FOLDER`].
    pub fn list_below<'a>(&self, sh: &'a Shell, path: &str) -> Cmd<'a> {
        self.call(sh, &["lsf", "--files-only", "--format=ps", "-R", &remote(path)])
    }

    /// Brings those files of a folder that a file names, a line each, into another one here.
    pub fn fetch<'a>(&self, sh: &'a Shell, folder: &str, names: &Utf8Path, into: &Utf8Path) -> Cmd<'a> {
        let names = format!("--files-from-raw={names}");
        self.call(sh, &["copy", "--no-traverse", &names, &remote(folder), into.as_str()])
    }

    /// Removes a file.
    pub fn remove<'a>(&self, sh: &'a Shell, path: &str) -> Cmd<'a> {
        self.call(sh, &["deletefile", &remote(path)])
    }
}

/// What [`Store::list`] has printed.
pub fn objects(printed: &str) -> Result<Vec<Object>> {
    serde_json::from_str(printed).with_context(|| format!("the store's list is {printed:?}"))
}

fn remote(path: &str) -> String {
    format!("store:{path}")
}

fn configuration(access: &Access) -> String {
    let Access { endpoint, region, key_id, secret, .. } = access;
    let provider = if endpoint.is_some() { "Other" } else { "AWS" };
    let mut text = format!(
        "[store]\ntype = s3\nprovider = {provider}\naccess_key_id = {key_id}\nsecret_access_key = {secret}\n"
    );
    // It is there already, and who may only write into it may not make one.
    text += "no_check_bucket = true\n";
    for (name, value) in [("endpoint", endpoint), ("region", region)] {
        text += &value.as_ref().map(|value| format!("{name} = {value}\n")).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_come_into_a_store_is_no_argument() {
        let access = Access {
            endpoint: Some("http://127.0.0.1:1".into()),
            region: None,
            authority: None,
            key_id: "id".into(),
            secret: "hidden".into(),
        };
        let store = Store::new(&access).unwrap();
        let command = format!("{:?}", store.read(crate::tools::process::shell(), "a/b"));
        assert!(command.contains("store:a/b") && !command.contains("hidden"), "{command}");
        assert!(fs::read_to_string(store.folder().join("rclone.conf")).unwrap().contains("= hidden\n"));
    }

    #[test]
    fn a_store_s_list_is_read() {
        let printed =
            r#"[{"Path":"a.age","Name":"a.age","Size":7,"MimeType":"","ModTime":"","IsDir":false}]"#;
        assert_eq!(objects(printed).unwrap(), [Object { name: "a.age".into(), size: 7 }]);
        assert!(objects("half").is_err());
    }
}
