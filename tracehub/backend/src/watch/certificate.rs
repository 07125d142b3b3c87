//! Whether a certificate will still be taken: rustls is asked by a clock that is ahead.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{CertificateError, ClientConfig, ClientConnection, Error, RootCertStore};

use super::alarms::Finding;

const TIME_LIMIT: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Ahead(Duration);

impl TimeProvider for Ahead {
    fn current_time(&self) -> Option<UnixTime> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(now + self.0))
    }
}

/// Whether the certificate that is shown for this name would be taken in so many days. Where nobody answers, it can't be said.
pub fn holds(name: &str, address: SocketAddr, days: u64, authority: Option<&str>) -> Finding {
    match (ask(name, address, 0, authority), ask(name, address, days, authority)) {
        (Ok(()), Ok(())) => Finding::Right,
        (Err(error), _) | (_, Err(error)) if error.get_ref().is_none() => Finding::Unknown,
        (Err(error), _) => Finding::Wrong(match reason(&error) {
            Some(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
                format!("the certificate of {name} has ended: browsers refuse it")
            }
            _ => format!("the certificate of {name} is refused: {error}"),
        }),
        (Ok(()), Err(_)) => Finding::Wrong(format!(
            "the certificate of {name} ends in less than {days} days, and the edge ought to have renewed it by now"
        )),
    }
}

fn reason(error: &std::io::Error) -> Option<&CertificateError> {
    match error.get_ref()?.downcast_ref::<Error>()? {
        Error::InvalidCertificate(reason) => Some(reason),
        _ => None,
    }
}

/// A handshake. An error that rustls made has it inside; others are the network's.
fn ask(name: &str, address: SocketAddr, days: u64, authority: Option<&str>) -> std::io::Result<()> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let own = authority.and_then(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).ok());
    roots.add_parsable_certificates(own);
    let ahead = Ahead(Duration::from_secs(days * 86_400));
    let config = ClientConfig::builder_with_details(Arc::new(ring::default_provider()), Arc::new(ahead))
        .with_safe_default_protocol_versions()
        .map_err(std::io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
    let mut connection = ClientConnection::new(Arc::new(config), server).map_err(std::io::Error::other)?;
    let mut stream = TcpStream::connect_timeout(&address, TIME_LIMIT)?;
    stream.set_read_timeout(Some(TIME_LIMIT))?;
    stream.set_write_timeout(Some(TIME_LIMIT))?;
    while connection.is_handshaking() {
        let (read, written) = connection.complete_io(&mut stream)?;
        if read == 0 && written == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
