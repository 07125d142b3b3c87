//! Two things that the macros of sqlx need to be told.

fn main() {
    // A new file in a folder is no change to any source that cargo looks at.
    println!("cargo::rerun-if-changed=migrations");
    // Queries are checked against `.sqlx`, here as everywhere, even while a DATABASE_URL is set: that one is there for
    // the tests, and has no tables. `cargo sqlx prepare`, which writes `.sqlx`, says otherwise.
    println!("cargo::rerun-if-env-changed=SQLX_OFFLINE");
    if std::env::var_os("SQLX_OFFLINE").is_none() {
        println!("cargo::rustc-env=SQLX_OFFLINE=true");
    }
}
