//! The moves of a rollout, as somebody watches them: on a terminal all of them, with what is done, what runs and what
//! is to come; elsewhere a line a move.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use crate::rollout::plan::{Plan, Report, Step};
use crate::terminal::{self, Agenda, paint, seconds};

/// Shows what happens, as it happens, and remembers how long each move took.
pub struct Moves {
    agenda: Agenda,
    next: Cell<usize>,
    began: Cell<Instant>,
    took: RefCell<Vec<Move>>,
}

/// One move that is over.
#[derive(Debug, Clone)]
pub struct Move {
    /// The step's name.
    pub name: &'static str,
    /// What it touched.
    pub what: String,
    /// How long it took.
    pub took: Duration,
}

impl Moves {
    /// Lists what is to come.
    pub fn of(plan: &Plan) -> Moves {
        let lines = plan.steps().iter().map(|step| format!("{:<8} {}", step.name(), step.describe()));
        Moves {
            agenda: Agenda::of(lines.collect()),
            next: Cell::new(0),
            began: Cell::new(Instant::now()),
            took: RefCell::default(),
        }
    }

    /// The moves that are over.
    pub fn into_list(self) -> Vec<Move> {
        self.took.into_inner()
    }

    fn end(&self, step: &dyn Step, well: bool) {
        let took = self.began.get().elapsed();
        self.agenda.end(self.next.get(), well, took);
        self.next.set(self.next.get() + 1);
        self.took.borrow_mut().push(Move { name: step.name(), what: step.describe(), took });
    }
}

impl Report for Moves {
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
        match result {
            Ok(()) => terminal::note(paint::dim(format_args!("  undone: {}", step.name()))),
            Err(error) => terminal::warn(format_args!("{} could not be undone: {error:#}", step.name())),
        }
    }

    fn says(&self, line: &str) {
        terminal::note(paint::dim(format_args!("    {line}")));
    }

    fn warns(&self, step: &dyn Step, line: &str) {
        self.end(step, false);
        terminal::warn(line);
    }
}

/// The moves with what each took, the longest marked.
pub fn say_moves(moves: &[Move]) {
    let longest = moves.iter().map(|it| it.took).max().unwrap_or_default();
    let row = |it: &Move| {
        let took = format!("{:>8}", seconds(it.took));
        let took = if it.took == longest { paint::strong(took) } else { took };
        vec![it.name.to_owned(), took, paint::dim(&it.what)]
    };
    terminal::table(&["move", "    took", "what"], &moves.iter().map(row).collect::<Vec<_>>());
}
