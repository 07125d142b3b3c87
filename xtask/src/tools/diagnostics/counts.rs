//! How many tests ran and how many did not, as each runner says it at its end.

/// Of one run of tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Counts {
    /// Those that ran, however they ended.
    pub run: u64,
    /// Those that did not run although they are there.
    pub ignored: u64,
}

impl Counts {
    /// Adds what a line says: that of libtest for each program, that of nextest, of vitest, or of playwright.
    pub fn add(&mut self, line: &str) {
        let plain = console::strip_ansi_codes(line);
        let words: Vec<&str> =
            plain.split([' ', ';', ',', '|', '(', ')', ':']).filter(|it| !it.is_empty()).collect();
        let before = |word: &str| {
            let at = words.iter().position(|it| *it == word)?;
            words.get(at.checked_sub(1)?)?.parse::<u64>().ok()
        };
        let of = |word: &str| before(word).unwrap_or(0);
        let (run, ignored) = match words.as_slice() {
            ["test", "result", ..] => (of("passed") + of("failed"), of("ignored")),
            ["Summary", ..] => (before("tests").or_else(|| before("test")).unwrap_or(0), of("skipped")),
            ["Tests", ..] => (of("passed") + of("failed"), of("skipped") + of("todo")),
            // Playwright has a line for each kind.
            [_, "passed" | "flaky" | "failed", ..] if is_alone(&plain) => (words[0].parse().unwrap_or(0), 0),
            [_, "skipped"] if is_alone(&plain) => (0, words[0].parse().unwrap_or(0)),
            _ => (0, 0),
        };
        self.run += run;
        self.ignored += ignored;
    }

    /// What of these is worse than those, in words.
    pub fn worse_than(&self, before: &Counts) -> Option<String> {
        let fewer = (self.run < before.run).then(|| format!("{} ran, {} did", self.run, before.run));
        let ignored = (self.ignored > before.ignored)
            .then(|| format!("{} are ignored, {} were", self.ignored, before.ignored));
        let all: Vec<String> = fewer.into_iter().chain(ignored).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} tests", self.run)?;
        if self.ignored == 0 { Ok(()) } else { write!(f, ", {} ignored", self.ignored) }
    }
}

/// Playwright indents its numbers and begins no line of its own with one.
fn is_alone(line: &str) -> bool {
    line.starts_with("  ") && line.trim_start().starts_with(|first: char| first.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(lines: &[&str]) -> (u64, u64) {
        let mut counts = Counts::default();
        lines.iter().for_each(|line| counts.add(line));
        (counts.run, counts.ignored)
    }

    #[test]
    fn what_each_runner_writes_is_counted_and_nothing_else_is() {
        let libtest = "test result: FAILED. 40 passed; 2 failed; 12 ignored; 0 measured; 3 filtered out; finished in 9.1s";
        assert_eq!(counted(&["running 54 tests", libtest, libtest]), (84, 24));
        let nextest =
            "\u{1b}[32;1m     Summary\u{1b}[0m [  12.104s] 384 tests run: 384 passed (1 slow), 3 skipped";
        assert_eq!(
            counted(&["    Starting 384 tests across 3 binaries (3 tests skipped)", nextest]),
            (384, 3)
        );
        assert_eq!(counted(&["     Summary [   0.007s] 1 test run: 1 passed, 0 skipped"]), (1, 0));
        let vitest = [" Test Files  31 passed (31)", "      Tests  1 failed | 245 passed | 2 skipped (248)"];
        assert_eq!(counted(&vitest), (246, 2));
        assert_eq!(counted(&["  2 skipped", "  43 passed (1.2m)"]), (43, 2));
        for other in ["5 passed", "  ✓  3 passed it (2s)", "test tests::a ... ok", "Tests", "  x skipped"] {
            assert_eq!(counted(&[other]), (0, 0), "{other}");
        }
    }

    #[test]
    fn fewer_that_ran_and_more_that_did_not_are_worse() {
        let counts = |run, ignored| Counts { run, ignored };
        assert_eq!(counts(10, 2).worse_than(&counts(10, 2)), None);
        assert_eq!(counts(11, 1).worse_than(&counts(10, 2)), None);
        assert_eq!(counts(9, 2).worse_than(&counts(10, 2)).unwrap(), "9 ran, 10 did");
        assert_eq!(counts(12, 3).worse_than(&counts(10, 2)).unwrap(), "3 are ignored, 2 were");
    }
}
