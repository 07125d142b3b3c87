//! A pause in which users wait, and which is undone on the host itself once its driver has died.

use std::time::Duration;

use anyhow::Result;

use super::Leased;
use crate::tools::process::Run;

/// The file says that it is begun, and there is a guard: no driver dies between the two. It outlives the connection that starts it, and,
/// on the driver's own machine, the end of all that carries the driver's mark (`lease.sh`).
const BEGIN: &str = r#"printf '%s' "$2" >"$1.next" && sync "$1.next" && mv "$1.next" "$1" || exit 1
shift 2
unset XTASK_DRIVER
setsid sh -c "$@" </dev/null >/dev/null 2>&1 &"#;
const BEGIN_TIMEOUT: Duration = Duration::from_secs(120);

impl Leased<'_> {
    /// Writes this file of the environment's, with a guard that runs the script whose words these are.
    pub(super) fn begin_pause(&self, file: &str, record: &str, guard: &[String]) -> Result<()> {
        let machine = self.fenced()?;
        let file = machine.folder(file);
        let words: Vec<&str> = ["sh", "-c", BEGIN, "begin", file.as_str(), record]
            .into_iter()
            .chain(guard.iter().map(String::as_str))
            .collect();
        let begin = Run::new(machine.shell.command(&words)).called("guarding what users wait for");
        Ok(begin.timeout(BEGIN_TIMEOUT).run()?)
    }
}
