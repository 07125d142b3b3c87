//! ESLint: lint rules of TypeScript.

use std::fs;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use xshell::{Cmd, Shell};

use super::npm::Package;
use crate::tools::diagnostics::diagnostic::Diagnostic;

/// Lints a package: for people as always, and as JSON into `report`. ESLint itself has one form at a time, so the
/// package's `eslintReport.js` asks it for both.
pub fn lint<'a>(package: &Package, sh: &'a Shell, report: &Utf8Path) -> Cmd<'a> {
    let lint = package.script(sh, "lint").args(["--", "--format", "./eslintReport.js"]);
    lint.env("ESLINT_JSON", report)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    file_path: Utf8PathBuf,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    rule_id: Option<String>,
    message: String,
    line: Option<u32>,
}

/// Where it found fault. A report that is not there names none: it did not come so far.
pub fn diagnostics(report: &Utf8Path) -> Result<Vec<Diagnostic>> {
    let text = match fs::read(report) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        text => text.with_context(|| format!("reading {report}"))?,
    };
    parse(&text).context("reading ESLint's report")
}

fn parse(json: &[u8]) -> Result<Vec<Diagnostic>> {
    let files: Vec<File> = serde_json::from_slice(json)?;
    let diagnostics = files.into_iter().flat_map(|File { file_path, messages }| {
        messages.into_iter().map(move |Message { rule_id, message, line }| Diagnostic {
            file: file_path.clone(),
            line: line.unwrap_or(1),
            message: rule_id.map_or(message.clone(), |rule| format!("{message} ({rule})")),
        })
    });
    Ok(diagnostics.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_is_a_place_with_its_rule() {
        // As ESLint wrote it.
        let report = r#"[{"filePath":"/repository/src/zz.test.ts","messages":[{"ruleId":"@typescript-eslint/no-unused-vars","severity":2,"message":"'value' is assigned a value but never used.","line":2,"column":7,"nodeType":"Identifier","messageId":"unusedVar","endLine":2,"endColumn":12}],"suppressedMessages":[],"errorCount":1,"fatalErrorCount":0,"warningCount":0,"fixableErrorCount":0,"fixableWarningCount":0,"usedDeprecatedRules":[]},{"filePath":"/repository/src/broken.ts","messages":[{"ruleId":null,"fatal":true,"severity":2,"message":"Parsing error: ';' expected.","line":1,"column":6}],"suppressedMessages":[],"errorCount":1,"fatalErrorCount":1,"warningCount":0,"fixableErrorCount":0,"fixableWarningCount":0,"usedDeprecatedRules":[]}]"#;
        let diagnostics = parse(report.as_bytes()).expect("read");
        let diagnostic = |file: &str, line, message: &str| Diagnostic {
            file: file.into(),
            line,
            message: message.to_owned(),
        };
        let unused = "'value' is assigned a value but never used. (@typescript-eslint/no-unused-vars)";
        assert_eq!(
            diagnostics,
            [
                diagnostic("/repository/src/zz.test.ts", 2, unused),
                diagnostic("/repository/src/broken.ts", 1, "Parsing error: ';' expected."),
            ]
        );
        assert_eq!(super::diagnostics("/there/is/no/such/report.json".into()).expect("none"), []);
    }
}
