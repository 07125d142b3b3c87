//! How long ago something was.

use std::time::SystemTime;

use crate::rollout::journal::since;

/// '3 min ago', for people.
pub fn ago(timestamp: &str) -> String {
    // What the engine says of something that never was.
    if timestamp.starts_with("0001-") {
        return "never".to_owned();
    }
    let Some(age) = since(timestamp, SystemTime::now()) else { return timestamp.to_owned() };
    let seconds = age.as_secs();
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_was_has_no_year_one() {
        assert_eq!(ago("0001-01-01T00:00:00Z"), "never");
        assert!(ago("2026-01-03T12:00:00Z").ends_with("ago"));
    }
}
