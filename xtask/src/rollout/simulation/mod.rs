//! The protocol against a simulated host, on which every call can fail, every connection can die, and the host itself
//! can: after each single fault the next deploy must converge, and what is promised must have held all along.

mod bug;
mod bugs;
pub mod driver;
mod fault;
mod fault_endings;
mod host;
pub mod random;
mod random_trials;
pub mod recorder;
mod ruins;
mod silent_engine;
mod single;
mod taken_back;
mod trial;
mod turns;
mod two;
mod world;

pub use self::trial::release;
