#![expect(clippy::disallowed_methods, reason = "what is tested is the program, by what people start it with")]
//! `cargo xtask` as a user meets it: the real program, in a project of its own where `cargo` and `npm` are scripts.

mod cache;
mod fake_project;
mod help;
mod interrupts;
mod kills;
mod lab;
mod monitor;
mod output;
mod picture;
mod secrets;
mod select;
mod updates;
mod verification;
