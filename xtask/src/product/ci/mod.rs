//! The definition of CI: the rows, and the functions that they run, in one file for each part of the repository.

mod backend;
mod counts;
mod deployment;
mod files;
mod frontend;
mod merge_base;
mod repository;
mod results;
pub mod tasks;
mod xtask;
