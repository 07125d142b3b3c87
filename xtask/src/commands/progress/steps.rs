//! The steps of a plan, as somebody sees them: before, as `--plan` prints them; while they run (on a terminal all of them,
//! with what is done, what runs and what is to come; elsewhere a line a step); and afterwards, with what each took.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::commands::output::OutputArgs;
use crate::rollout::plan::{Plan, Report, Step};
use crate::terminal::{self, Activity, Agenda, paint, seconds};

/// What a verb would do, as `--plan` prints it: of every verb in one form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// Each step's name, and what it will touch.
    pub steps: Vec<(String, String)>,
    /// Why a step that one might expect is not needed.
    pub not_needed: Vec<String>,
}

impl Preview {
    /// Of a plan.
    pub fn of(plan: &Plan) -> Preview {
        let steps = plan.steps().iter().map(|step| (step.name().to_owned(), step.describe()));
        Preview { steps: steps.collect(), not_needed: plan.not_needed.clone() }
    }

    /// Nothing is to be done, and why.
    pub fn nothing(why: String) -> Preview {
        Preview { steps: Vec::new(), not_needed: vec![why] }
    }

    /// Prints it: a table, or for programs.
    pub fn say(&self, output: OutputArgs) {
        output.say(|| self.as_json(), || self.say_table());
    }

    fn say_table(&self) {
        let rows: Vec<_> = self.steps.iter().map(|(step, what)| vec![step.clone(), what.clone()]).collect();
        terminal::table(&["step", "what"], &rows);
        for reason in &self.not_needed {
            terminal::say(paint::dim(format_args!("not needed: {reason}")));
        }
    }

    /// Shows it before it is done. For programs, standard output is for the result alone.
    pub fn announce(&self, output: OutputArgs) {
        if output.json {
            self.lines().for_each(|line| terminal::note(paint::dim(line)));
        } else {
            self.say_table();
        }
    }

    /// A line a step.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.steps.iter().map(|(step, what)| format!("{step} {what}"))
    }

    /// For programs.
    pub fn as_json(&self) -> Value {
        let steps = self.steps.iter().map(|(step, what)| json!({ "step": step, "what": what }));
        json!({ "steps": steps.collect::<Vec<_>>(), "not_needed": self.not_needed })
    }
}

/// Shows what happens, as it happens, and remembers how long each step took.
pub struct Progress {
    agenda: Agenda,
    next: Cell<usize>,
    began: Cell<Instant>,
    over: RefCell<Vec<Over>>,
}

/// One step that is over.
#[derive(Debug, Clone)]
pub struct Over {
    /// The step's name.
    pub name: &'static str,
    /// What it touched.
    pub what: String,
    /// How long it took.
    pub took: Duration,
}

impl Progress {
    /// Lists what is to come.
    pub fn of(plan: &Plan) -> Progress {
        let lines = plan.steps().iter().map(|step| format!("{:<8} {}", step.name(), step.describe()));
        Progress {
            agenda: Agenda::of(lines.collect()),
            next: Cell::new(0),
            began: Cell::new(Instant::now()),
            over: RefCell::default(),
        }
    }

    /// The steps that are over.
    pub fn into_list(self) -> Vec<Over> {
        self.over.into_inner()
    }

    fn end(&self, step: &dyn Step, well: bool) {
        let took = self.began.get().elapsed();
        self.agenda.end(self.next.get(), well, took);
        self.next.set(self.next.get() + 1);
        self.over.borrow_mut().push(Over { name: step.name(), what: step.describe(), took });
    }
}

/// Shows a step that comes ahead of a plan, as the work that is under way.
pub struct Ahead<'a>(pub &'a Activity);

impl Report for Ahead<'_> {
    fn begun(&self, _step: &dyn Step) {}

    fn done(&self, _step: &dyn Step) {}

    fn failed(&self, _step: &dyn Step) {}

    fn reverted(&self, step: &dyn Step, result: &anyhow::Result<()>) {
        say_reverted(step, result);
    }

    fn says(&self, line: &str) {
        self.0.line(line);
    }

    fn warns(&self, _step: &dyn Step, line: &str) {
        terminal::warn(line);
    }
}

impl Report for Progress {
    fn begun(&self, _step: &dyn Step) {
        self.began.set(Instant::now());
        self.agenda.begin(self.next.get());
    }

    fn done(&self, step: &dyn Step) {
        self.end(step, true);
    }

    fn failed(&self, step: &dyn Step) {
        self.end(step, false);
        self.agenda.forget_rest();
    }

    fn reverted(&self, step: &dyn Step, result: &anyhow::Result<()>) {
        say_reverted(step, result);
    }

    fn says(&self, line: &str) {
        terminal::note(paint::dim(format_args!("    {line}")));
    }

    fn warns(&self, step: &dyn Step, line: &str) {
        self.end(step, false);
        terminal::warn(line);
    }
}

fn say_reverted(step: &dyn Step, result: &anyhow::Result<()>) {
    match result {
        Ok(()) => terminal::note(paint::dim(format_args!("  undone: {}", step.name()))),
        Err(error) => terminal::warn(format_args!("{} could not be undone: {error:#}", step.name())),
    }
}

/// The steps with what each took, the longest marked.
pub fn say_times(steps: &[Over]) {
    let longest = steps.iter().map(|it| it.took).max().unwrap_or_default();
    let row = |it: &Over| {
        let took = format!("{:>8}", seconds(it.took));
        let took = if it.took == longest { paint::strong(took) } else { took };
        vec![it.name.to_owned(), took, paint::dim(&it.what)]
    };
    terminal::table(&["step", "    took", "what"], &steps.iter().map(row).collect::<Vec<_>>());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_has_one_form_for_programs_also_when_nothing_is_to_be_done() {
        let preview = Preview {
            steps: vec![("pull".to_owned(), "bring files".to_owned())],
            not_needed: vec!["start: it runs".to_owned()],
        };
        let expected =
            json!({ "steps": [{ "step": "pull", "what": "bring files" }], "not_needed": ["start: it runs"] });
        assert_eq!(preview.as_json(), expected);
        let nothing = Preview::nothing("it has the traffic".to_owned()).as_json();
        assert_eq!(nothing, json!({ "steps": [], "not_needed": ["it has the traffic"] }));
    }
}
