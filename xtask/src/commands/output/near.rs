//! 'Did you mean …?': the answer to a name that does not exist.

/// How many single mistakes a name may be away from what was typed.
const MAX_MISTAKES: usize = 3;
/// How many near names are offered.
const MAX_OFFERED: usize = 3;
/// Up to so many names are all listed when none is near.
const MAX_LISTED: usize = 8;

/// What to append to an error about an unknown name: a space, and the near names; all of them when none is near and they
/// are few; else nothing at all. The caller says which command lists them.
pub fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let near: Vec<String> = near(word, &names).into_iter().map(|name| format!("'{name}'")).collect();
    match near.as_slice() {
        [] if names.is_empty() => " There is none.".to_owned(),
        [] if names.len() <= MAX_LISTED => format!(" There are: {}.", names.join(", ")),
        [] => String::new(),
        [one] => format!(" Did you mean {one}?"),
        [first @ .., last] => format!(" Did you mean {} or {last}?", first.join(", ")),
    }
}

/// Names that begin as the word does, and names with few mistakes in them; the nearest first.
fn near<'a>(word: &str, names: &[&'a str]) -> Vec<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).min(MAX_MISTAKES);
    let rank = |name: &&'a str| {
        let lower = name.to_lowercase();
        let mistakes = mistakes(&word, &lower);
        let begins = word.len() > 1 && lower.starts_with(&word);
        (begins || mistakes <= allowed).then_some((!begins, mistakes, *name))
    };
    let mut ranked: Vec<_> = names.iter().filter_map(rank).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(MAX_OFFERED).map(|(_, _, name)| name).collect()
}

/// How many letters must be put in, left out, changed or swapped with their neighbour to make one word of the other (the
/// optimal string alignment distance).
fn mistakes(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows = vec![(0..=other.len()).collect::<Vec<usize>>()];
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut fewest = (rows[i][j] + usize::from(a != b)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == other[j - 1] && one[i - 1] == *b {
                fewest = fewest.min(rows[i - 1][j - 1] + 1);
            }
            row.push(fewest);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_too_much_too_little_wrong_or_swapped_is_one_mistake() {
        for (typed, mistakes_in_it) in
            [("clippy", 0), ("cliippy", 1), ("clipy", 1), ("slippy", 1), ("cilppy", 1), ("", 6), ("lippa", 2)]
        {
            assert_eq!(mistakes(typed, "clippy"), mistakes_in_it, "{typed}");
        }
    }

    #[test]
    fn the_near_names_are_offered_and_not_all() {
        let names =
            ["backend-test", "clippy", "frontend-build", "frontend-test", "lint", "npm-ci", "secrets"];
        let answer = |word| did_you_mean(word, names);
        assert_eq!(answer("clipy"), " Did you mean 'clippy'?");
        assert_eq!(answer("NPMCI"), " Did you mean 'npm-ci'?");
        assert_eq!(answer("front"), " Did you mean 'frontend-test' or 'frontend-build'?");
        assert_eq!(answer("lnt"), " Did you mean 'lint'?");
        assert_eq!(did_you_mean("LOG_FORMATT", ["LOG_FORMAT", "EDGE"]), " Did you mean 'LOG_FORMAT'?");
    }

    #[test]
    fn when_none_is_near_the_few_are_listed_and_the_many_are_not() {
        assert_eq!(did_you_mean("é", ["edge", "web"]), " There are: edge, web.");
        assert_eq!(did_you_mean("edge", []), " There is none.");
        let many: Vec<String> = (0..20).map(|number| format!("release {number}")).collect();
        assert_eq!(did_you_mean("staging", many.iter().map(String::as_str)), "");
    }
}
