//! Tools of TypeScript: npm, and what it runs.

pub mod eslint;
pub mod npm;
pub mod tsc;
pub mod vitest;
