//! What commands are spelled with: a working directory, and variables on top of this program's own.

use std::path::Path;

use xshell::Shell;

thread_local! {
    /// Never freed, some hundred bytes a thread: what is spelled with it may live as long as it likes.
    static SHELL: &'static Shell = Box::leak(Box::new(new()));
}

#[expect(clippy::disallowed_methods, reason = "the one place of its kind")]
fn new() -> Shell {
    Shell::new().expect("the working directory can be read")
}

/// The shell for commands that run where this program was started. It is everybody's: who wants another folder or
/// variables for all commands takes [`shell_in`].
pub fn shell() -> &'static Shell {
    SHELL.with(|shell| *shell)
}

#[expect(clippy::disallowed_methods, reason = "the one place of its kind")]
/// A shell of the caller's own, for commands that run in this folder.
pub fn shell_in(folder: impl AsRef<Path>) -> Shell {
    let shell = shell().clone();
    shell.change_dir(folder);
    shell
}
