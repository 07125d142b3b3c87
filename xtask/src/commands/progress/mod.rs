//! What a person sees while an environment is changed: the attempt, its steps, and who else is told.

pub mod driver;
pub mod steps;
pub mod tell;
pub mod unsettled;
