//! TypeScript's compiler: types.

use xshell::{Cmd, Shell};

use super::npm::Package;
use crate::tools::diagnostics::diagnostic::{Diagnostic, ParsedLine};

/// Checks a package's types, in the form that is the same on a terminal and without one.
pub fn check<'a>(package: &Package, sh: &'a Shell) -> Cmd<'a> {
    package.script(sh, "typecheck").args(["--", "--pretty", "false"])
}

/// `src/App.tsx(4,9): error TS2322: Type 'string' is not …`
pub fn read(line: &str) -> ParsedLine {
    ParsedLine { text: Some(line.to_owned()), diagnostic: diagnostic(line) }
}

fn diagnostic(line: &str) -> Option<Diagnostic> {
    let (position, what) = line.split_once("): error ")?;
    let (file, position) = position.rsplit_once('(')?;
    let (line, column) = position.split_once(',')?;
    let _: u32 = column.parse().ok()?;
    Some(Diagnostic { file: file.into(), line: line.parse().ok()?, message: what.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_a_place_and_everything_is_read_by_people() {
        // As tsc wrote it.
        let line = "src/zz.test.ts(2,7): error TS2322: Type 'string' is not assignable to type 'number'.";
        let diagnostic = Diagnostic {
            file: "src/zz.test.ts".into(),
            line: 2,
            message: "TS2322: Type 'string' is not assignable to type 'number'.".to_owned(),
        };
        assert_eq!(read(line), ParsedLine { text: Some(line.to_owned()), diagnostic: Some(diagnostic) });
        let more = "  Types of property 'a' are incompatible (see above): error enough";
        assert_eq!(read(more), ParsedLine { text: Some(more.to_owned()), diagnostic: None });
    }
}
