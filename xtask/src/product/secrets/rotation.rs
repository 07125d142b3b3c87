//! How a key that signs is exchanged without anybody noticing: for a while there are two, a line each, of which the first signs
//! and both are believed. A third line says which of them is the old one; the backend takes none so short for a key.

use std::time::{Duration, SystemTime};

use crate::rollout::state::release::ReleaseId;

const OLD_SIGNS: &str = "old signs";
const NEW_SIGNS: &str = "new signs";

/// A secret's value while its exchange is at one of three stages, each deployed before the next is written.
#[derive(Clone, PartialEq, Eq)]
pub enum Keys {
    /// There is one key.
    One(String),
    /// The old key signs, and the new one is believed too.
    OldSigns { old: String, new: String },
    /// The new key signs, and the old one is still believed.
    NewSigns { new: String, old: String },
}

/// What the environment's host says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whether the newest version there that counts has the value that the file has.
    pub is_deployed: bool,
    /// That version.
    pub current: u32,
    /// The release that has the traffic.
    pub live: ReleaseId,
    /// The kept releases, each with the version that it would run with.
    pub kept: Vec<(ReleaseId, u32)>,
    /// Since when no release has had the traffic that was made to run with another version.
    pub since: Option<SystemTime>,
}

/// Why the next stage may not come yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotYet {
    /// The file has another value than what serves.
    NotDeployed,
    /// A rollback to these would run with these older versions.
    Older { releases: Vec<ReleaseId>, versions: Vec<u32> },
    /// What the old key signed lives until then.
    Lives { until: SystemTime },
    /// Nobody can say how long the new key has signed.
    SinceWhen,
}

impl Keys {
    /// Of the value; an error says what is wrong with it.
    pub fn parse(value: &str) -> Result<Keys, &'static str> {
        match *value.trim_end().lines().collect::<Vec<_>>() {
            [one] => Ok(Keys::One(one.to_owned())),
            [old, new, OLD_SIGNS] => Ok(Keys::OldSigns { old: old.to_owned(), new: new.to_owned() }),
            [new, old, NEW_SIGNS] => Ok(Keys::NewSigns { new: new.to_owned(), old: old.to_owned() }),
            [_, _] => Err("it holds two keys, and no third line says `old signs` or `new signs`"),
            _ => Err("it is neither one key, nor two keys and a line that says `old signs` or `new signs`"),
        }
    }

    /// As it lies in the file.
    pub fn value(&self) -> String {
        match self {
            Keys::One(one) => one.clone(),
            Keys::OldSigns { old, new } => format!("{old}\n{new}\n{OLD_SIGNS}"),
            Keys::NewSigns { new, old } => format!("{new}\n{old}\n{NEW_SIGNS}"),
        }
    }

    /// The next stage; `made` is a key that nobody has.
    pub fn next(self, made: String) -> Keys {
        match self {
            Keys::One(old) => Keys::OldSigns { old, new: made },
            Keys::OldSigns { old, new } => Keys::NewSigns { new, old },
            Keys::NewSigns { new, .. } => Keys::One(new),
        }
    }

    /// What holds in this stage.
    pub fn words(&self) -> &'static str {
        match self {
            Keys::One(_) => "one key signs, and no other is believed",
            Keys::OldSigns { .. } => "a new key is believed, and the old one still signs",
            Keys::NewSigns { .. } => "the new key signs, and the old one is still believed",
        }
    }

    /// Why the next stage may not come yet. What is signed lives for `lifetime`.
    pub fn why_not_yet(&self, seen: &Seen, lifetime: Duration, now: SystemTime) -> Option<NotYet> {
        let is_older = |(_, version): &&(ReleaseId, u32)| *version < seen.current;
        let older: Vec<_> = seen.kept.iter().filter(is_older).collect();
        if !seen.is_deployed || older.iter().any(|(id, _)| *id == seen.live) {
            return Some(NotYet::NotDeployed);
        }
        // A release that knows other keys than the file's one is nothing that an exchange has brought about.
        if matches!(self, Keys::One(_)) {
            return None;
        }
        if !older.is_empty() {
            let releases = older.iter().map(|(id, _)| id.clone()).collect();
            let mut versions: Vec<u32> = older.iter().map(|(_, version)| *version).collect();
            versions.sort_unstable();
            versions.dedup();
            return Some(NotYet::Older { releases, versions });
        }
        if matches!(self, Keys::OldSigns { .. }) {
            return None;
        }
        let Some(since) = seen.since else { return Some(NotYet::SinceWhen) };
        let until = since + lifetime;
        (now < until).then_some(NotYet::Lives { until })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::simulation;

    const LIFETIME: Duration = Duration::from_secs(1800);

    fn stages() -> [Keys; 4] {
        let one = Keys::One("old".to_owned());
        let two = one.clone().next("new".to_owned());
        let three = two.clone().next("unused".to_owned());
        let last = three.clone().next("unused".to_owned());
        [one, two, three, last]
    }

    fn id(release: u32) -> ReleaseId {
        simulation::release(release, 1).id
    }

    /// Releases 1, 2 … with these versions, of which the last has the traffic.
    fn seen(current: u32, kept: &[u32], since: u64) -> Seen {
        let kept: Vec<_> = kept.iter().zip(1..).map(|(version, release)| (id(release), *version)).collect();
        let (live, _) = kept.last().cloned().expect("one is live");
        let since = Some(SystemTime::UNIX_EPOCH + Duration::from_secs(since));
        Seen { is_deployed: true, current, live, kept, since }
    }

    fn why_not(keys: &Keys, seen: &Seen, now: u64) -> Option<NotYet> {
        keys.why_not_yet(seen, LIFETIME, SystemTime::UNIX_EPOCH + Duration::from_secs(now))
    }

    #[test]
    fn what_is_waited_for_is_how_long_the_backend_s_tokens_live_and_a_mark_is_no_key() {
        let source =
            std::fs::read_to_string(crate::workspace::root().join("tracehub/backend/src/http/token.rs"))
                .unwrap();
        let minutes = crate::project::TOKEN_LIFETIME.as_secs() / 60;
        let line = format!("const LIFETIME: TimeDelta = TimeDelta::minutes({minutes});");
        assert!(source.contains(&line), "{line}");
        let least = source.split_once("const LEAST_BYTES: usize = ").unwrap().1;
        let least: usize = least.split_once(';').unwrap().0.parse().unwrap();
        assert!(OLD_SIGNS.len() < least && NEW_SIGNS.len() < least);
    }

    #[test]
    fn each_stage_believes_what_its_neighbours_sign_and_is_read_as_what_it_was_written() {
        let stages = stages();
        assert_eq!(stages[3].value(), "new");
        let keys = |keys: &Keys| {
            let is_key = |line: &&str| ![OLD_SIGNS, NEW_SIGNS].contains(line);
            keys.value().lines().filter(is_key).map(str::to_owned).collect::<Vec<_>>()
        };
        for pair in stages.windows(2) {
            let [before, after] = [keys(&pair[0]), keys(&pair[1])];
            // A token of the first stage has ended before the last one comes.
            assert!(after.contains(&before[0]) && before.contains(&after[0]), "{before:?} {after:?}");
        }
        for stage in stages {
            assert!(Keys::parse(&format!("{}\n", stage.value())).is_ok_and(|read| read == stage));
        }
        for bad in ["", "a\nb", "a\nold signs", "a\nb\nwho signs?", "a\nb\nc\nnew signs"] {
            assert!(Keys::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn no_stage_comes_before_the_one_before_serves_or_while_a_rollback_leads_behind_it() {
        let [one, two, three, _] = stages();
        for keys in [&one, &two, &three] {
            let undeployed = Seen { is_deployed: false, ..seen(2, &[2], 0) };
            assert_eq!(why_not(keys, &undeployed, 99_999), Some(NotYet::NotDeployed));
            // Somebody has rolled back.
            let back = Seen { live: id(1), ..seen(2, &[1, 2], 0) };
            assert_eq!(why_not(keys, &back, 99_999), Some(NotYet::NotDeployed));
            assert_eq!(why_not(keys, &seen(2, &[2, 3], 0), 99_999), None);
        }
        let older = NotYet::Older { releases: vec![id(1), id(2), id(4)], versions: vec![1, 2] };
        for keys in [&two, &three] {
            assert_eq!(why_not(keys, &seen(3, &[2, 1, 3, 2, 3], 0), 99_999).as_ref(), Some(&older));
        }
        assert_eq!(why_not(&one, &seen(3, &[2, 3], 0), 99_999), None);
    }

    #[test]
    fn the_old_key_is_believed_as_long_as_something_lives_that_it_signed() {
        let [_, two, three, _] = stages();
        let until = SystemTime::UNIX_EPOCH + Duration::from_secs(2800);
        assert_eq!(why_not(&three, &seen(3, &[3], 1000), 2799), Some(NotYet::Lives { until }));
        assert_eq!(why_not(&three, &seen(3, &[3], 1000), 2800), None);
        assert_eq!(why_not(&two, &seen(3, &[3], 1000), 1001), None);
        let unknown = Seen { since: None, ..seen(3, &[3], 0) };
        assert_eq!(why_not(&three, &unknown, 99_999), Some(NotYet::SinceWhen));
    }
}
