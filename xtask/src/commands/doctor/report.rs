//! The answer of `doctor --env`: a line a question.

use anyhow::Result;
use serde_json::{Value, json};

use crate::commands::output::OutputArgs;
use crate::exit::{Exit, Failure};
use crate::project::Environment;
use crate::terminal::{self, paint};

/// What became of one question.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Good,
    /// A deploy goes on, and somebody should know.
    Warning,
    /// A deploy would be refused, with this exit code.
    Bad(Exit),
    /// It could not be asked, because of another line.
    Unasked,
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    question: &'static str,
    state: State,
    found: String,
    /// What to do next, where something is wrong.
    todo: String,
}

/// All of them, in the order in which they were asked.
#[derive(Debug, Default)]
pub struct Report(Vec<Line>);

impl Report {
    /// All is well.
    pub fn good(&mut self, question: &'static str, found: impl Into<String>) {
        self.put(question, State::Good, found.into(), String::new());
    }

    /// A deploy goes on. The first line of the words is what is wrong, the others what to do.
    pub fn warn(&mut self, question: &'static str, words: &str) {
        let (found, todo) = split(words);
        self.put(question, State::Warning, found, todo);
    }

    /// It can't be asked without what another line lacks.
    pub fn unasked(&mut self, question: &'static str, why: impl Into<String>) {
        self.put(question, State::Unasked, why.into(), String::new());
    }

    /// Good in these words, or what a deploy would be refused with. Gives what was found.
    pub fn ask<T>(
        &mut self,
        question: &'static str,
        found: Result<T>,
        words: impl FnOnce(&T) -> String,
    ) -> Option<T> {
        match found {
            Ok(found) => {
                self.good(question, words(&found));
                Some(found)
            }
            Err(error) => {
                self.bad(question, &error);
                None
            }
        }
    }

    /// What a deploy would be refused with.
    pub fn bad(&mut self, question: &'static str, error: &anyhow::Error) {
        let failure = error.chain().find_map(|cause| cause.downcast_ref::<Failure>());
        let exit = failure.map_or(Exit::Failed, |failure| failure.exit);
        let (found, todo) = split(&format!("{error:#}"));
        self.put(question, State::Bad(exit), found, todo);
    }

    fn put(&mut self, question: &'static str, state: State, found: String, todo: String) {
        self.0.push(Line { question, state, found, todo });
    }

    /// Prints it; fails as a deploy would that met the first bad line.
    pub fn say(&self, environment: &Environment, output: OutputArgs) -> Result<()> {
        output.say(|| self.for_programs(environment), || self.for_people());
        let bad: Vec<(&Line, Exit)> = self
            .0
            .iter()
            .filter_map(|line| if let State::Bad(exit) = line.state { Some((line, exit)) } else { None })
            .collect();
        let Some((_, exit)) = bad.first() else { return Ok(()) };
        let questions: Vec<&str> = bad.iter().map(|(line, _)| line.question).collect();
        let name = &environment.name;
        let message = format!("a deploy to {name} would not go through: {}", questions.join(", "));
        Err(Failure { exit: *exit, message }.into())
    }

    fn for_programs(&self, environment: &Environment) -> Value {
        let line = |line: &Line| {
            let exit = if let State::Bad(exit) = line.state { Some(exit as u8) } else { None };
            json!({
                "check": line.question,
                "state": line.state.word(),
                "found": line.found,
                "next": (!line.todo.is_empty()).then_some(&line.todo),
                "exit_code": exit,
            })
        };
        json!({ "environment": environment.name, "checks": self.0.iter().map(line).collect::<Vec<_>>() })
    }

    fn for_people(&self) {
        let row = |line: &Line| {
            let state = match line.state {
                State::Good => paint::good(line.state.word()),
                State::Warning => paint::warn(line.state.word()),
                State::Bad(_) => paint::bad(line.state.word()),
                State::Unasked => paint::dim(line.state.word()),
            };
            vec![line.question.to_owned(), state, line.found.clone()]
        };
        terminal::table(&["check", "state", "found"], &self.0.iter().map(row).collect::<Vec<_>>());
        for line in self.0.iter().filter(|line| !line.todo.is_empty()) {
            let mark = if line.state == State::Warning { paint::warn("!") } else { paint::bad("✗") };
            terminal::say(format_args!("\n{mark} {}: {}", line.question, line.found));
            line.todo.lines().for_each(|todo| terminal::say(format_args!("  {todo}")));
        }
    }
}

impl State {
    fn word(&self) -> &'static str {
        match self {
            State::Good => "good",
            State::Warning => "warning",
            State::Bad(_) => "missing",
            State::Unasked => "not asked",
        }
    }
}

/// What is wrong, and what to do: as errors have it, in their first line and in those below.
fn split(words: &str) -> (String, String) {
    let mut lines = words.lines().map(str::trim);
    let found = lines.next().unwrap_or_default().to_owned();
    (found, lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bad_line_decides_the_exit_code_and_each_says_what_to_do() {
        let mut report = Report::default();
        report.good("clock", "right");
        report.warn("memory", "little is free");
        assert!(report.say(&Environment::named("staging").unwrap(), OutputArgs { json: false }).is_ok());
        report.bad("ssh", &Failure { exit: Exit::HostKey, message: "another key\n  ask".into() }.into());
        report.bad("disk", &anyhow::anyhow!("full").context("looking"));
        let error =
            report.say(&Environment::named("staging").unwrap(), OutputArgs { json: true }).unwrap_err();
        assert_eq!(error.downcast_ref::<Failure>().map(|failure| failure.exit), Some(Exit::HostKey));
        assert!(error.to_string().ends_with("ssh, disk"), "{error}");
        let told = report.for_programs(&Environment::named("staging").unwrap());
        let bad = &told["checks"][2];
        assert_eq!(
            (&bad["found"], &bad["next"], &bad["exit_code"]),
            (&json!("another key"), &json!("ask"), &json!(9))
        );
        assert_eq!(told["checks"][3]["found"], "looking: full");
        assert_eq!(
            (&told["checks"][0]["next"], &told["checks"][1]["state"]),
            (&Value::Null, &json!("warning"))
        );
    }
}
