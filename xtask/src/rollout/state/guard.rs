//! The live folder's state: who has the traffic, who is warm, and the guard that undoes a switch which nobody
//! confirms. How it changes is in `scripts/live.sh`.

use super::release::ReleaseId;

/// What the live folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// The release that has the traffic; none before the first deploy and after `down`.
    pub active: Option<ReleaseId>,
    /// The one that had it before.
    pub warm: Option<ReleaseId>,
    /// The guard of the attempt under way, or that was under way when its driver died.
    pub guard: Option<Guard>,
    /// Until when users are asked to wait, while they are.
    pub maintenance: Option<String>,
}

/// A guard, as its file tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// What it is doing.
    pub state: GuardState,
    /// The attempt that armed it.
    pub attempt: String,
    /// The release that it guards.
    pub to: Option<ReleaseId>,
    /// Why it tripped: deadline, restarted, watch, rollback, recover.
    pub reason: String,
}

/// What a guard is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardState {
    /// It will take the switch back at its deadline.
    Armed,
    /// It is taking the switch back, or was cut while it did.
    Tripping,
    /// It has taken the switch back.
    Tripped,
    /// The switch was confirmed.
    Disarmed,
}

/// The live folder holds something that xtask did not write.
#[derive(Debug, thiserror::Error)]
#[error("the live folder holds something that is not understood: {0:?}")]
pub struct Unreadable(String);

impl Traffic {
    /// Reads what `live.sh read` prints: a line each for live, warm, guard and maintenance.
    pub fn parse(text: &str) -> Result<Traffic, Unreadable> {
        let unreadable = || Unreadable(text.to_owned());
        let mut lines = text.lines();
        let mut release = || match lines.next() {
            Some("none") => Ok(None),
            Some(id) => id.parse().map(Some).map_err(|_| unreadable()),
            None => Err(unreadable()),
        };
        let (active, warm) = (release()?, release()?);
        let guard = match lines.next() {
            Some("none") => None,
            Some(line) => Some(Guard::parse(line).ok_or_else(unreadable)?),
            None => return Err(unreadable()),
        };
        let maintenance = lines.next().filter(|line| *line != "none").map(str::to_owned);
        Ok(Traffic { active, warm, guard, maintenance })
    }

    /// Whether what has the traffic has it by a switch that nobody has confirmed yet.
    pub fn is_provisional(&self) -> bool {
        let is_waiting = |guard: &Guard| guard.is_waiting() && self.active == guard.to;
        self.active.is_some() && self.guard.as_ref().is_some_and(is_waiting)
    }

    /// Whether the release has the traffic or is the one that an instant rollback goes to.
    pub fn holds(&self, id: &ReleaseId) -> bool {
        self.active.as_ref() == Some(id) || self.warm.as_ref() == Some(id)
    }
}

impl Guard {
    /// It has yet to take its switch back, unless somebody confirms that.
    pub fn is_waiting(&self) -> bool {
        matches!(self.state, GuardState::Armed | GuardState::Tripping)
    }

    /// Whether a person's rollback has tripped it.
    pub fn is_by_person(&self) -> bool {
        self.reason.starts_with("rollback by ")
    }

    /// Why it has taken its switch back, or is about to, in words; none when it has not.
    pub fn why_taken_back(&self) -> Option<String> {
        if !matches!(self.state, GuardState::Tripping | GuardState::Tripped) {
            return None;
        }
        Some(match self.reason.as_str() {
            "deadline" => {
                "the guard took the switch back at its deadline: nobody had confirmed it".to_owned()
            }
            "restarted" => "the guard took the switch back: the host had been started again".to_owned(),
            reason => match reason.strip_prefix("rollback by ") {
                Some(who) => format!("rolled back by {who}"),
                None => format!("the guard took the switch back: {reason}"),
            },
        })
    }

    fn parse(line: &str) -> Option<Guard> {
        let mut words = line.split(' ');
        let state = match words.next()? {
            "armed" => GuardState::Armed,
            "tripping" => GuardState::Tripping,
            "tripped" => GuardState::Tripped,
            "disarmed" => GuardState::Disarmed,
            _ => return None,
        };
        let attempt = words.next()?.to_owned();
        let to = words.nth(1)?.parse().ok();
        Some(Guard { state, attempt, to, reason: words.skip(2).collect::<Vec<_>>().join(" ") })
    }
}

/// How an id, or the lack of one, is written in the live folder.
pub fn written(id: Option<&ReleaseId>) -> &str {
    id.map_or("none", ReleaseId::as_str)
}
