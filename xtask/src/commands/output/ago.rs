//! How long ago something was.

use std::time::SystemTime;

use crate::rollout::journal::since;

/// '3 min ago', for people.
pub fn ago(timestamp: &str) -> String {
    let Some(age) = since(timestamp, SystemTime::now()) else { return timestamp.to_owned() };
    let seconds = age.as_secs();
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}
