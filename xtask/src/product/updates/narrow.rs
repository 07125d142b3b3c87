//! What of that which has moved can't pass its checks: by the file that says so, then by halves, and no longer than is allowed.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::exit::refuse;

/// Something that moves, or stays, by itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unit {
    /// The file that says so.
    pub of: String,
    /// Its name, or [`ALL`].
    pub name: String,
}

/// In place of a name: whatever of the file has no unit of its own.
pub const ALL: &str = "*";

/// What stays, each with the reason.
pub type Held = BTreeMap<Unit, String>;

/// Finds what passes, `groups` by files. `check` runs the checks with all but these, and gives why they fail; it is asked while
/// `may_go_on` allows it. What was not tried stays. What is left has passed as a whole, with just these held.
pub fn narrow(
    groups: &[Vec<Unit>],
    may_go_on: &mut dyn FnMut() -> bool,
    check: &mut dyn FnMut(&BTreeSet<Unit>) -> Result<Option<String>>,
) -> Result<Held> {
    if check(&BTreeSet::new())?.is_none() {
        return Ok(Held::new());
    }
    let all: BTreeSet<Unit> = groups.iter().flatten().cloned().collect();
    if let Some(why) = check(&all)? {
        return Err(refuse(format!(
            "the checks fail without any of it, too, so nothing is known of what has moved: {why}"
        )));
    }
    let mut search = Search { out: all, held: Held::new(), may_go_on, check };
    for group in groups {
        // All of it has failed: what is the only group is known to.
        let known = (groups.len() == 1).then(|| "the checks fail with it".to_owned());
        search.take(group, known)?;
    }
    Ok(search.held)
}

struct Search<'a> {
    /// What is not known to pass.
    out: BTreeSet<Unit>,
    held: Held,
    may_go_on: &'a mut dyn FnMut() -> bool,
    check: &'a mut dyn FnMut(&BTreeSet<Unit>) -> Result<Option<String>>,
}

impl Search<'_> {
    /// Takes what it can of these beside what is taken, and gives whether that is all of them. `known` is why they can't all be taken,
    /// where that is known.
    fn take(&mut self, units: &[Unit], known: Option<String>) -> Result<bool> {
        let why = match known {
            Some(why) => why,
            None if !(self.may_go_on)() => {
                let why = "not tried: the checks would have had to run too often";
                self.held.extend(units.iter().map(|unit| (unit.clone(), why.to_owned())));
                return Ok(false);
            }
            None => {
                let without = self.out.iter().filter(|unit| !units.contains(unit)).cloned().collect();
                match (self.check)(&without)? {
                    None => {
                        self.out = without;
                        return Ok(true);
                    }
                    Some(why) => why,
                }
            }
        };
        if let [unit] = units {
            self.held.insert(unit.clone(), why);
            return Ok(false);
        }
        let (one, other) = units.split_at(units.len() / 2);
        // Where the one half passes, it is the other that fails.
        let known = self.take(one, None)?.then_some(why);
        self.take(other, known)?;
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is held of 4 + 16 units where these fail, and how often the checks ran.
    fn narrowed(bad: &[&str], most: usize) -> (Result<Vec<String>>, usize) {
        let unit = |of: &str, at: usize| Unit { of: of.to_owned(), name: format!("{of}{at}") };
        let groups =
            [(0..4).map(|at| unit("a", at)).collect(), (0..16).map(|at| unit("b", at)).collect::<Vec<_>>()];
        let (ran, mut last) = (std::cell::Cell::new(0), None);
        let held = narrow(&groups, &mut || ran.get() < most, &mut |without| {
            ran.set(ran.get() + 1);
            let fails = bad.iter().find(|bad| !without.iter().any(|unit| unit.name == **bad));
            if fails.is_none() {
                last = Some(without.clone());
            }
            Ok(fails.map(|name| format!("{name} fails")))
        });
        if let Ok(held) = &held {
            let held: BTreeSet<Unit> = held.keys().cloned().collect();
            assert_eq!(last.as_ref(), Some(&held), "what is left has passed as it is");
        }
        (
            held.map(|held| held.into_iter().map(|(unit, why)| format!("{}: {why}", unit.name)).collect()),
            ran.get(),
        )
    }

    #[test]
    fn one_bad_update_is_left_out_by_itself_with_its_reason_and_the_rest_moves() {
        assert_eq!(narrowed(&[], 99).1, 1);
        let (held, ran) = narrowed(&["b13"], 99);
        assert_eq!(held.unwrap(), ["b13: b13 fails"]);
        assert!(ran <= 9, "{ran} runs");
        for bad in [["a0", "b0"], ["b0", "b15"], ["a3", "b7"]] {
            let (held, _) = narrowed(&bad, 99);
            assert_eq!(held.unwrap(), bad.map(|name| format!("{name}: {name} fails")));
        }
    }

    #[test]
    fn it_ends_when_the_checks_may_run_no_more_and_what_was_not_tried_stays() {
        let (held, ran) = narrowed(&["b13"], 5);
        let held = held.unwrap();
        assert!(
            ran <= 5 && held.len() < 16 && held.iter().any(|it| it.starts_with("b13: ")),
            "{ran}: {held:?}"
        );
        assert!(held.iter().any(|it| it.contains("not tried")), "{held:?}");
    }

    #[test]
    fn when_the_checks_fail_without_any_of_it_nothing_is_blamed() {
        let groups = [vec![Unit { of: "a".to_owned(), name: ALL.to_owned() }]];
        let error = narrow(&groups, &mut || true, &mut |_| Ok(Some("clippy".to_owned()))).unwrap_err();
        assert!(error.to_string().contains("fail without any of it, too"), "{error}");
        let held =
            narrow(&groups, &mut || true, &mut |without| Ok(without.is_empty().then(|| "clippy".to_owned())));
        assert_eq!(held.unwrap().len(), 1);
    }
}
