//! vitest: tests of TypeScript, and what each came to in JUnit's form.

use xshell::{Cmd, Shell};

use super::npm::Package;
use crate::tools::diagnostics::diagnostic::Diagnostic;
use crate::tools::diagnostics::junit::{Failed, Fault};

/// Where what the tests came to is written, from the package's folder.
pub const JUNIT: &str = "coverage/junit.xml";
/// Where it is written which lines they ran, from the package's folder.
pub const LCOV: &str = "coverage/lcov.info";

/// A package's tests. Under `percent` of its lines covered, they fail; what was covered is in `coverage/`, and so is what
/// each test came to.
pub fn test_with_coverage<'a>(package: &Package, sh: &'a Shell, percent: u32) -> Cmd<'a> {
    let threshold = format!("--coverage.thresholds.lines={percent}");
    let output = format!("--outputFile.junit={JUNIT}");
    let reports = ["--reporter=default", "--reporter=junit", &output];
    package.script(sh, "test:coverage").arg("--").arg(threshold).args(reports)
}

/// Where tests failed: the first line of ours among those that led there, or else the test's file.
pub fn diagnostics(failed: &[Failed]) -> Vec<Diagnostic> {
    let all = failed.iter().flat_map(|test| test.faults.iter().map(move |fault| (test, fault)));
    all.map(|(test, fault)| diagnostic(test, fault)).collect()
}

fn diagnostic(test: &Failed, fault: &Fault) -> Diagnostic {
    let ours = fault.text.lines().filter_map(at).find(|(file, _)| !file.contains("node_modules"));
    let (file, line) = ours.unwrap_or((test.class.as_str(), 1));
    Diagnostic { file: file.into(), line, message: format!("{}: {}", test.name, fault.message) }
}

/// ` ❯ src/Look.test.tsx:21:5`, or with the function's name before.
fn at(line: &str) -> Option<(&str, u32)> {
    let position = line.trim().strip_prefix("❯ ")?.rsplit(' ').next()?;
    let mut parts = position.rsplitn(3, ':');
    let (_column, line, file) = (parts.next()?, parts.next()?, parts.next()?);
    Some((file, line.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::diagnostics::junit;

    fn places_in(junit: &str) -> Vec<(String, u32, String)> {
        let diagnostics = diagnostics(&junit::parse(junit).expect("read"));
        diagnostics.into_iter().map(|it| (it.file.into_string(), it.line, it.message)).collect()
    }

    #[test]
    fn a_failure_is_where_it_was_thrown_and_what_can_not_be_loaded_is_a_file() {
        let expected = |file: &str, line, message: &str| (file.to_owned(), line, message.to_owned());
        // As vitest wrote them.
        let failed = places_in(include_str!("vitest/failed.xml"));
        assert_eq!(
            failed[..2],
            [
                expected("src/zz.test.ts", 4, "one is two: expected 1 to be 2 // Object.is equality"),
                expected("src/zz.ts", 2, "it throws <elsewhere>: 1 is no 2"),
            ]
        );
        assert_eq!((failed.len(), failed[2].1), (3, 9));
        let unresolved = places_in(include_str!("vitest/unresolved.xml"));
        assert_eq!((unresolved[0].0.as_str(), unresolved[0].1), ("src/zz.test.ts", 1));
        assert!(unresolved[0].2.contains("Failed to resolve import \"./zz\""), "{unresolved:?}");
    }
}
