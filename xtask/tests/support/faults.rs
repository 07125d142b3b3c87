//! Releases that misbehave: from one commit on, the copy of the backend has code that can do so, and each release says
//! by the variable `FAULT` which fault it has.

#[path = "../../src/product/checkout/faults.rs"]
mod planted;

use std::process::Command;

use super::project::Project;
use super::run;

impl Project {
    /// Plants the code of `fault.rs` into the copy of the backend, which must then be compiled again: commit it
    /// together with other changes.
    pub fn plant_faults(&self) {
        let (file, code) = planted::CODE;
        self.write(file, code);
        for (file, from, to) in planted::CHANGES {
            self.replace(file, from, to);
        }
        run(Command::new("cargo")
            .args(["update", "--quiet", "--offline", "--workspace"])
            .current_dir(self.folder()));
    }

    /// A commit whose release has this fault.
    pub fn commit_fault(&self, fault: &str) {
        let (file, from, to) = planted::FAULT;
        self.replace(file, from, &format!("{to}{fault}\n"));
        self.commit(&format!("A release with the fault '{fault}'"));
    }
}
