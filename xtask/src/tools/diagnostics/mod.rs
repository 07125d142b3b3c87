//! What tools find fault with, as lines of files, and how tests failed.

pub mod diagnostic;
pub mod junit;
pub mod lint;
pub mod panic;
