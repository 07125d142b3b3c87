//! Errors that linters, compilers and test runners report, with their places in files.

pub mod counts;
pub mod diagnostic;
pub mod junit;
pub mod lint;
pub mod panic;
pub mod syntax;
