//! SeaweedFS, a store that speaks S3 and is one program: how it is called on this machine, where containers reach it too. The suites
//! read this, too.

use std::net::TcpListener;

/// Who may do all there, and who may only read.
pub const IDENTITIES: &str = r#"{"identities":[
{"name":"writer","credentials":[{"accessKey":"writer","secretKey":"hidden-1"}],"actions":["Admin","Read","Write","List"]},
{"name":"reader","credentials":[{"accessKey":"reader","secretKey":"hidden-2"}],"actions":["Read","List"]}]}"#;

/// Ports that are free now. Each service has a second one, 10000 above its own.
pub fn free_ports<const N: usize>() -> std::io::Result<[u16; N]> {
    let mut ports = [0; N];
    for at in 0..N {
        while ports[at] == 0 {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            if port < 55_000 && !ports[..at].contains(&port) {
                ports[at] = port;
            }
        }
    }
    Ok(ports)
}

/// What it is called with. The folder has `data/`, and [`IDENTITIES`] in `identities.json`.
pub fn words(address: &str, folder: &str, [s3, master, volume, filer]: [u16; 4]) -> Vec<String> {
    // The ports of iceberg and lance are fixed otherwise: a second store on this machine would end.
    let fixed = "server -s3 -volume.max=8 -master.volumeSizeLimitMB=64 -s3.port.iceberg=0 -s3.port.lance=0";
    let own = [
        format!("-ip={address}"),
        format!("-ip.bind={address}"),
        format!("-dir={folder}/data"),
        format!("-s3.config={folder}/identities.json"),
        format!("-s3.port={s3}"),
        format!("-master.port={master}"),
        format!("-volume.port={volume}"),
        format!("-filer.port={filer}"),
    ];
    let logs = format!("-logdir={folder}");
    std::iter::once(logs).chain(fixed.split(' ').map(str::to_owned)).chain(own).collect()
}
