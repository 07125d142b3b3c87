//! The protocol against a simulated host, on which every call can fail, every connection can die, and the host itself
//! can: after each single fault the next deploy must converge, and what is promised must have held all along.

mod book;
mod bugs;
mod change;
mod check;
pub mod driver;
mod fault;
mod fault_endings;
mod guarding;
mod host;
mod leased;
pub mod random;
mod random_trials;
pub mod recorder;
mod single;
mod trial;
mod turns;
mod two;
mod users;
mod world;

pub use self::trial::release;
