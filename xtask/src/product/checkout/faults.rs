//! Faults that a copy of TraceHub is given on purpose, here and in the suites, which include this file: the code that can
//! misbehave, and how it gets into the backend. The variable `FAULT` says which fault a release has.

/// Where the code goes, which is compiled there alone.
pub const CODE: (&str, &str) = ("tracehub/backend/src/fault.rs", include_str!("fault.rs"));

const SERVE: &str = "tracehub/backend/src/serve.rs";

/// A file, what stands in it, and what is to stand there instead. Cargo.lock must know of it afterwards.
pub const CHANGES: [(&str, &str, &str); 5] = [
    (
        "tracehub/backend/src/lib.rs",
        "pub mod figures;\n",
        "#[allow(missing_docs)]\npub mod fault;\npub mod figures;\n",
    ),
    (SERVE, "    let listener = ", "    crate::fault::before_listening().await;\n    let listener = "),
    (SERVE, "let stop = stop_signal()?;", "let stop = crate::fault::stop_signal(stop_signal()?);"),
    (SERVE, "http::router(app.clone())", "crate::fault::router(http::router(app.clone()))"),
    // What the planted streams need; all of it is compiled for the backend anyway.
    (
        "tracehub/backend/Cargo.toml",
        "[dependencies]\n",
        "[dependencies]\n\
         futures-util = { version = \"0.3\", default-features = false }\n\
         hyper = \"1\"\n\
         hyper-util = { version = \"0.1\", features = [\"tokio\"] }\n",
    ),
];

/// Where a release is told of its fault: the name of one goes behind the second text.
pub const FAULT: (&str, &str, &str) =
    ("tracehub/deploy/release.yaml", "x-app: &app\n", "x-app: &app\n  FAULT: ");
