//! A certificate that ended long ago, by openssl. This file imports nothing, so that the lab suite can make the same.

/// A key, and the request for a certificate.
pub const REQUEST: &str =
    "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=lab -keyout key -out request";
/// The certificate, signed by itself.
pub const SIGN: &str = "ca -config settings -batch -notext -selfsign -keyfile key -in request -out certificate -extensions more \
                        -startdate 20200101000000Z -enddate 20200201000000Z";

/// The files that openssl wants to find in its folder, for a certificate of this name.
pub fn files(name: &str) -> [(&'static str, String); 3] {
    let settings = format!(
        "[ca]\ndefault_ca=here\n[here]\ndatabase=index\nnew_certs_dir=.\nserial=serial\npolicy=any\ndefault_md=sha256\n\
         [any]\ncommonName=optional\n[more]\nsubjectAltName=DNS:{name}\n"
    );
    [("settings", settings), ("index", String::new()), ("serial", "01\n".to_owned())]
}
