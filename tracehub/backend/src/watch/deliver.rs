//! Sending what is in the outbox: each way has a thread, so that one that is slow holds up no other.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

use super::alarms::Message;
use super::tell::{Letter, NotTold, Ways};
use super::{Remembered, TICK, now};

/// The longest that a message may take by a way, however often its connection says that it goes on.
const WHOLE: Duration = Duration::from_secs(40);
/// A way that has not come round for so long does not come round any more.
const STUCK: Duration = Duration::from_secs(120);

/// The threads, and when each has come round last.
#[derive(Clone)]
pub struct Delivery {
    rounds: Arc<Mutex<BTreeMap<String, Instant>>>,
}

impl Delivery {
    /// Starts one for each way.
    pub fn start(environment: &str, ways: &Ways, remembered: &Remembered) -> Delivery {
        let begun = ways.names().into_iter().map(|way| (way, Instant::now()));
        let delivery = Delivery { rounds: Arc::new(Mutex::new(begun.collect())) };
        for way in ways.names() {
            let (delivery, remembered) = (delivery.clone(), remembered.clone());
            let sender = Sender { ways: ways.clone(), environment: environment.to_owned(), way, last: None };
            thread::spawn(move || delivery.deliver(&remembered, sender));
        }
        delivery
    }

    /// Whether each way still comes round.
    pub fn is_alive(&self) -> bool {
        self.rounds().values().all(|at| at.elapsed() < STUCK)
    }

    fn rounds(&self) -> MutexGuard<'_, BTreeMap<String, Instant>> {
        self.rounds.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Sends one after the other, each until it has arrived.
    fn deliver(&self, remembered: &Remembered, mut sender: Sender) {
        loop {
            self.rounds().insert(sender.way.clone(), Instant::now());
            let message = remembered.lock().next_due(&sender.way, now()).cloned();
            let Some(message) = message else {
                thread::sleep(TICK);
                continue;
            };
            let id = message.id;
            let sent = sender.send(message, WHOLE);
            let way = &sender.way;
            if let Err(error) = &sent {
                tracing::warn!(way, "an alarm was not told, and is tried again: {error}");
            }
            let retry_after = sent.as_ref().err().and_then(|error| error.retry_after);
            remembered.change(|state| state.sent(id, way, sent.is_ok(), retry_after, now()));
        }
    }
}

/// Sends by one way.
struct Sender {
    ways: Ways,
    environment: String,
    way: String,
    /// What the last one came to, while nobody knows.
    last: Option<Receiver<Result<(), NotTold>>>,
}

impl Sender {
    fn send(&mut self, message: Message, whole: Duration) -> Result<(), NotTold> {
        let late = |words: &str| Err(NotTold::new(words.to_owned()));
        // One that goes on for ever is one thread, and not one more with each try.
        if self.last.as_ref().is_some_and(|last| last.try_recv() == Err(TryRecvError::Empty)) {
            return late("the one before is still on its way");
        }
        let (done, is_done) = channel();
        let (ways, way) = (self.ways.clone(), self.way.clone());
        let id = format!("{}.{}.{}", self.environment, message.at, message.id);
        thread::spawn(move || {
            let letter = Letter { id, subject: &message.subject, text: &message.text };
            let _ = done.send(ways.send(&way, &letter));
        });
        match is_done.recv_timeout(whole) {
            Ok(sent) => sent,
            Err(_) => {
                self.last = Some(is_done);
                late("it took too long")
            }
        }
    }
}

#[cfg(test)]
mod tests;
