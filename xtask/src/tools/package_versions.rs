//! Which of two versions of a package is the newer one, as those compare them who number it.

use std::cmp::Ordering;

/// Compares two versions of a Debian package (Debian Policy 5.6.12): epoch, upstream's version, revision.
pub fn debian(one: &str, other: &str) -> Ordering {
    let (a, b) = (parts(one), parts(other));
    a.0.cmp(&b.0).then_with(|| part(a.1, b.1)).then_with(|| part(a.2, b.2))
}

/// Epoch, upstream's version, revision: those that are missing are 0.
fn parts(version: &str) -> (u64, &str, &str) {
    let (epoch, rest) = match version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().unwrap_or(0), rest),
        None => (0, version),
    };
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    (epoch, upstream, revision)
}

/// In turns, what is no digit by [`weight`], and digits as numbers.
fn part(mut one: &str, mut other: &str) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        let (words, numbers);
        (words, one) = one.split_at(one.find(|c: char| c.is_ascii_digit()).unwrap_or(one.len()));
        let (other_words, other_numbers);
        (other_words, other) =
            other.split_at(other.find(|c: char| c.is_ascii_digit()).unwrap_or(other.len()));
        let order = by_weight(words, other_words);
        if order != Ordering::Equal {
            return order;
        }
        (numbers, one) = one.split_at(one.find(|c: char| !c.is_ascii_digit()).unwrap_or(one.len()));
        (other_numbers, other) =
            other.split_at(other.find(|c: char| !c.is_ascii_digit()).unwrap_or(other.len()));
        let order = number(numbers, other_numbers);
        if order != Ordering::Equal {
            return order;
        }
    }
    Ordering::Equal
}

fn by_weight(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let weights = (0..one.len().max(other.len())).map(|at| weight(one.get(at)).cmp(&weight(other.get(at))));
    weights.into_iter().find(|order| *order != Ordering::Equal).unwrap_or(Ordering::Equal)
}

/// A tilde comes before the end, the end before letters, and letters before all else.
fn weight(byte: Option<&u8>) -> i32 {
    match byte {
        Some(b'~') => -1,
        None => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    }
}

/// Of any length: some packages have a date and a time in one number.
fn number(one: &str, other: &str) -> Ordering {
    let (one, other) = (one.trim_start_matches('0'), other.trim_start_matches('0'));
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

/// Compares two versions of a crate or an npm package (semver.org, 11): what stands behind a plus counts for nothing.
pub fn semantic(one: &str, other: &str) -> Ordering {
    let split = |version: &str| {
        let plain = version.split('+').next().unwrap_or_default().to_owned();
        match plain.split_once('-') {
            Some((core, before)) => (core.to_owned(), Some(before.to_owned())),
            None => (plain, None),
        }
    };
    let ((core, before), (other_core, other_before)) = (split(one), split(other));
    let numbers =
        |core: &str| core.split('.').map(|it| it.parse().unwrap_or(0)).chain([0, 0]).take(3).collect();
    let (core, other_core): (Vec<u64>, Vec<u64>) = (numbers(&core), numbers(&other_core));
    core.cmp(&other_core).then_with(|| match (before, other_before) {
        (None, None) => Ordering::Equal,
        // A version comes behind its own pre-releases.
        (None, Some(_)) => Ordering::Greater,
        (Some(_), None) => Ordering::Less,
        (Some(before), Some(other)) => identifiers(&before, &other),
    })
}

fn identifiers(one: &str, other: &str) -> Ordering {
    let is_number = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        let order = match (one.next(), other.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(a), Some(b)) => match (is_number(a), is_number(b)) {
                (true, true) => number(a, b),
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                (false, false) => a.cmp(b),
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use xshell::cmd;

    use super::*;
    use crate::tools::process::{Run, shell};

    /// The same numbers each time (xorshift).
    fn random(seed: &mut u64, below: usize) -> usize {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        (*seed % below as u64) as usize
    }

    /// A version that dpkg takes, close to `near` more often than not, so that it is compared to its end.
    fn version(seed: &mut u64, near: Option<&str>) -> String {
        const PARTS: &[&str] = &[
            "0", "1", "00", "10", "9", ".", "~", "+", "a", "b", "rc", "deb12u", "~~", "-1", "-", "+dfsg",
            "u2",
        ];
        let mut text = match near {
            Some(near) => near[..random(seed, near.len()) + 1].to_owned(),
            None => format!("{}{}", ["", "0:", "1:"][random(seed, 3)], random(seed, 12)),
        };
        (0..random(seed, 4)).for_each(|_| text.push_str(PARTS[random(seed, PARTS.len())]));
        text
    }

    /// dpkg itself is asked, many pairs in one call of it each: the sign of each comparison.
    #[test]
    fn debian_s_versions_are_compared_as_dpkg_does() {
        if which::which("dpkg").is_err() {
            return;
        }
        let mut seed = 0x2026_0103;
        let mut pairs = vec![
            ("1.0".to_owned(), "1.0-0".to_owned()),
            ("3.0.17-1~deb12u2".to_owned(), "3.0.18".to_owned()),
            ("3.0.18-1~deb12u1".to_owned(), "3.0.18".to_owned()),
            ("1:0".to_owned(), "9".to_owned()),
            ("20250419155712345678901234567890".to_owned(), "9".to_owned()),
        ];
        while pairs.len() < 250 {
            let one = version(&mut seed, None);
            let other = version(&mut seed, Some(&one));
            pairs.push((one, other));
        }
        let script = r#"while read -r one other; do
            told=none
            for order in lt eq gt; do dpkg --compare-versions "$one" "$order" "$other" 2>/dev/null && told=$order; done
            echo "$told"
        done"#;
        let lines: String = pairs.iter().map(|(one, other)| format!("{one} {other}\n")).collect();
        let told = Run::new(cmd!(shell(), "sh -c {script}")).stdin(lines).text().expect("dpkg answers");
        let told: Vec<&str> = told.lines().collect();
        assert_eq!(told.len(), pairs.len());
        // It takes no version that ends with a hyphen.
        let valid: Vec<_> = pairs.iter().zip(told).filter(|(_, told)| *told != "none").collect();
        assert!(valid.len() > pairs.len() / 2, "{} of {}", valid.len(), pairs.len());
        for ((one, other), told) in valid {
            let ours = match debian(one, other) {
                Ordering::Less => "lt",
                Ordering::Equal => "eq",
                Ordering::Greater => "gt",
            };
            assert_eq!(ours, told, "{one} and {other}");
        }
    }

    #[test]
    fn semantic_versions_are_in_the_order_of_their_specification() {
        let order = [
            "0.9",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1+build",
            "1.2",
            "1.10.0",
        ];
        for (at, one) in order.iter().enumerate() {
            for (other_at, other) in order.iter().enumerate() {
                assert_eq!(semantic(one, other), at.cmp(&other_at), "{one} and {other}");
            }
        }
    }
}
