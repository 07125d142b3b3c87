//! What goes wrong, and where.

use std::fmt;

/// What goes wrong at one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It fails, and nothing happens.
    Fails,
    /// It happens, and the driver is told that it failed.
    AnswerLost,
    /// It takes too long: the driver gives it up, and the engine does not.
    GivenUp,
    /// The driver is killed: its lease is free at once.
    Killed(When),
    /// The driver's link falls silent for good: its lease lives on until nobody has heard of it for too long.
    Cut(When),
    /// The host reboots.
    Reboot(When),
    /// The driver stands still for so long that it loses the lease, and then goes on.
    StandsStill,
}

/// How far the call had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Nothing has happened.
    Before,
    /// It stays as it was in the middle.
    Half,
    /// All of it has happened.
    After,
    /// The host goes on with it.
    GoesOn,
}

/// All that may go wrong at a call that changes something.
pub const AT_CHANGES: &[Fault] = &[
    Fault::Fails,
    Fault::AnswerLost,
    Fault::GivenUp,
    Fault::Killed(When::Before),
    Fault::Killed(When::Half),
    Fault::Killed(When::After),
    Fault::Killed(When::GoesOn),
    Fault::Cut(When::Before),
    Fault::Cut(When::After),
    Fault::Cut(When::GoesOn),
    Fault::Reboot(When::Before),
    Fault::Reboot(When::Half),
    Fault::Reboot(When::After),
    Fault::StandsStill,
];

/// All that may go wrong at a call that only looks.
pub const AT_LOOKS: &[Fault] = &[
    Fault::Fails,
    Fault::Killed(When::Before),
    Fault::Cut(When::Before),
    Fault::Reboot(When::Before),
    Fault::StandsStill,
];

/// A fault at a call of a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trouble {
    /// Which driver: they are counted from 0.
    pub driver: usize,
    /// Which of its calls, counted from 0.
    pub call: usize,
    /// What goes wrong.
    pub fault: Fault,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, when) = match self {
            Fault::Fails => return f.write_str("it fails"),
            Fault::AnswerLost => return f.write_str("it happens, and its answer is lost"),
            Fault::GivenUp => return f.write_str("it takes too long, and goes on"),
            Fault::StandsStill => return f.write_str("the driver stands still and loses the lease"),
            Fault::Killed(when) => ("the driver is killed", when),
            Fault::Cut(when) => ("the link falls silent", when),
            Fault::Reboot(when) => ("the host reboots", when),
        };
        let when = match when {
            When::Before => "right before it",
            When::Half => "in the middle of it",
            When::After => "right after it",
            When::GoesOn => "while it goes on",
        };
        write!(f, "{what} {when}")
    }
}
