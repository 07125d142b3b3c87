//! What the registry's index says of a crate, as cargo keeps it on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::time::SystemTime;

use anyhow::Result;
use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

/// A version that is not taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// The version.
    pub version: String,
    /// When it was published; none where the index does not say.
    pub at: Option<SystemTime>,
}

/// Cargo's own folder.
pub fn home() -> Result<Utf8PathBuf> {
    let home = std::env::home_dir().unwrap_or_default().join(".cargo");
    let home = std::env::var_os("CARGO_HOME").map_or(home, Into::into);
    Ok(Utf8PathBuf::try_from(home)?)
}

/// The versions of a crate that were published and not taken back, as cargo has last read it: whoever has just had it resolve has the
/// newest. Empty where cargo keeps nothing of it, or not in this way.
pub fn published(home: &Utf8Path, name: &str) -> Vec<Published> {
    let indexes = home.join("registry/index").read_dir_utf8().into_iter().flatten().flatten();
    let files = indexes.map(|index| index.path().join(".cache").join(place(name)));
    let mut all = BTreeMap::new();
    for content in files.filter_map(|file| fs::read(file).ok()) {
        // A head of cargo's, then version and line of each, with a zero behind all.
        for line in content.split(|byte| *byte == 0).filter(|part| part.starts_with(b"{")) {
            let Ok(told) = serde_json::from_slice::<Value>(line) else { continue };
            if let (Some(version), Some(false)) = (told["vers"].as_str(), told["yanked"].as_bool()) {
                let at = told["pubtime"].as_str().and_then(|at| humantime::parse_rfc3339(at).ok());
                all.insert(version.to_owned(), at);
            }
        }
    }
    all.into_iter().map(|(version, at)| Published { version, at }).collect()
}

/// `se/rd/serde`, as the index has its files.
fn place(name: &str) -> String {
    let name = name.to_lowercase();
    match name.len() {
        1 | 2 => format!("{}/{name}", name.len()),
        3 => format!("3/{}/{name}", &name[..1]),
        _ => format!("{}/{}/{name}", &name[..2], &name[2..4]),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_cargo_keeps_of_the_index_says_when_each_version_was_published() {
        // A crate that xtask itself stands on: cargo has resolved it here, in whatever way it keeps that now.
        let of_ours = published(&home().unwrap(), "anyhow");
        let first = of_ours.iter().find(|it| it.version == "1.0.100").expect("cargo has read of anyhow");
        let year = Duration::from_secs(365 * 86_400);
        let at = first.at.expect("the index says when").duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert!((year * 55..year * 56).contains(&at), "{at:?}");

        let temporary = tempfile::tempdir().unwrap();
        let home = Utf8Path::from_path(temporary.path()).unwrap();
        let file = home.join("registry/index/it/.cache/ti/me/time");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let lines = [
            r#"{"vers": "1.0.0", "yanked": false, "pubtime": "1970-01-01T00:00:09Z"}"#,
            r#"{"vers": "1.0.1", "yanked": true, "pubtime": "1970-01-01T00:00:09Z"}"#,
            r#"{"vers": "1.0.2", "yanked": false}"#,
        ];
        fs::write(file, format!("\u{3}etag: 1\0{}\0", lines.map(|line| format!("1\0{line}")).join("\0")))
            .unwrap();
        let at = |version: &str, at| Published { version: version.to_owned(), at };
        let nine = SystemTime::UNIX_EPOCH + Duration::from_secs(9);
        assert_eq!(published(home, "time"), [at("1.0.0", Some(nine)), at("1.0.2", None)]);
        assert_eq!(published(home, "nothing"), []);
        assert_eq!(["a", "ab", "Abc", "abcd"].map(place), ["1/a", "2/ab", "3/a/abc", "ab/cd/abcd"]);
    }
}
