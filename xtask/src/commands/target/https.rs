//! Whether users can come by HTTPS: said before anything is changed, and no verdict on a release.

use anyhow::Result;

use super::gate::{self, Override};
use crate::exit::{Exit, Failure};
use crate::host::{Machine, NameTrouble, PublicSite};
use crate::terminal::{self, paint};
use crate::tools::http::{Shown, Trouble};

/// Said of what is refused here.
const NOTHING_CHANGED: &str = "Nothing was changed.";

/// Ahead of a deploy. A certificate that is refused, as one that has expired, must not be in the way of whoever mends
/// something else: it is said, and from here on taken. Refused is only where no user can come in by the name at all.
pub fn check(
    machine: &Machine,
    shown: Option<&Shown>,
    edge_runs: bool,
    overrides: &[Override],
) -> Result<()> {
    let Some(site) = machine.site().filter(|site| site.name().is_some()) else { return Ok(()) };
    if !edge_runs {
        return check_name(site, overrides);
    }
    let Some(shown) = shown else { return Ok(()) };
    let name = &machine.environment().name;
    match &shown.trouble {
        Some(Trouble::Refused(words)) => {
            terminal::warn(format_args!(
                "{words}. Browsers warn users of that now. The release is asked all the same, and is not judged by it; \
                 `cargo xtask logs edge --env {name}` says why there is no other certificate"
            ));
            machine.take_any_certificate();
        }
        Some(Trouble::Absent(words)) => {
            let (url, why) = (&site.url, machine.platform().why_no_certificate());
            let message = format!(
                "users can't come to {url}: {words}{why}\n  Is {url} the address that the edge was started for? \
                 `cargo xtask platform up --env {name}` starts it for another one. {NOTHING_CHANGED}"
            );
            return Err(Failure { exit: Exit::HostUnfit, message }.into());
        }
        None if shown.is_late => {
            terminal::warn(format_args!(
                "{}. Should it end while the release is watched, that is forgiven, and nothing else of it",
                late(shown)
            ));
        }
        None => {}
    }
    Ok(())
}

/// What is wrong with it at this moment, where nothing depends on that.
pub fn warn(machine: &Machine) {
    let shown = machine.site().and_then(PublicSite::certificate);
    shown.as_ref().and_then(trouble).iter().for_each(terminal::warn);
}

/// Before an authority is asked for a certificate: it comes to where the name leads.
pub fn check_name(site: &PublicSite, overrides: &[Override]) -> Result<()> {
    match site.name_trouble() {
        Some(NameTrouble::Elsewhere(words)) if !gate::is_open("name", overrides) => {
            let message = format!(
                "no authority will certify the name: {words}\n  Let it lead here first. Where something stands in front of \
                 the host, `--override name=\"reason\"` goes on; the reason is recorded. {NOTHING_CHANGED}"
            );
            Err(Failure { exit: Exit::HostUnfit, message }.into())
        }
        Some(NameTrouble::Forbidden(words)) if !gate::is_open("name", overrides) => {
            let message = format!(
                "no certificate will be given: {words}\n  Let a CAA record name it, too. `--override name=\"reason\"` goes on; the \
                 reason is recorded. {NOTHING_CHANGED}"
            );
            Err(Failure { exit: Exit::HostUnfit, message }.into())
        }
        Some(
            NameTrouble::Elsewhere(words)
            | NameTrouble::MaybeElsewhere(words)
            | NameTrouble::Forbidden(words),
        ) => {
            terminal::warn(words);
            Ok(())
        }
        None => Ok(()),
    }
}

fn late(shown: &Shown) -> String {
    format!("the certificate of HTTPS ends {}, and the edge ought to have another one by now", when(shown))
}

/// When it ends, to people.
pub fn when(shown: &Shown) -> String {
    match shown.left.unwrap_or_default() {
        ..60 => "within a minute".to_owned(),
        left @ ..7_200 => format!("in {} min", left / 60),
        left @ ..172_800 => format!("in {} h", left / 3_600),
        left => format!("in {} days", left / 86_400),
    }
}

/// What is wrong with it, in words.
pub fn trouble(shown: &Shown) -> Option<String> {
    shown.trouble.as_ref().map(ToString::to_string).or_else(|| shown.is_late.then(|| late(shown)))
}

/// The line of `status`.
pub fn say(shown: &Shown) {
    let line = trouble(shown).map_or_else(|| format!("the certificate ends {}", when(shown)), paint::bad);
    terminal::say(format_args!("  HTTPS     {line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_certificate_is_said_with_the_time_that_is_left() {
        let shown = |left, is_late| Shown { left: Some(left), is_late, ..Shown::default() };
        for (left, words) in [
            (20 * 86_400, "in 20 days"),
            (47 * 3_600 + 5, "in 47 h"),
            (119 * 60, "in 119 min"),
            (59, "within a minute"),
            (-1, "within a minute"),
        ] {
            assert_eq!(when(&shown(left, false)), words);
        }
        assert_eq!(trouble(&shown(5 * 86_400, false)), None);
        let late = trouble(&shown(5 * 86_400, true)).expect("it is late");
        assert!(late.contains("in 5 days") && late.contains("ought to have another"), "{late}");
    }
}
