//! What the services of an environment wrote: shown while their containers are there, and kept when a release's containers
//! are about to be removed, as those of a release that never got ready.

use std::time::Duration;

use anyhow::{Result, ensure};
use xshell::Shell;

use super::Platform;
use super::releases::{LeasedReleases, Releases};
use crate::rollout::state::release::ReleaseId;
use crate::terminal;
use crate::tools::docker::compose::{Project, Wanted};
use crate::tools::docker::container;
use crate::tools::process::Run;
use crate::tools::ssh::host_shell::Script;

/// How many of each container's last lines are kept.
const LINES: usize = 2000;
/// How many bytes are kept of a release: its last lines.
const BYTES: usize = 256 << 10;
/// How many releases' logs are kept: the newest.
const RELEASES: usize = 10;
/// And for how many days: users' data may be in them.
const DAYS: usize = 90;
/// How long the engine may take to tell what a container wrote: an undo waits for it.
const TELL_TIMEOUT: Duration = Duration::from_secs(10);

// For nobody but who deploys: users' data may be in it. Names are those of releases. What a full disk cut off is removed.
const KEEP: Script = Script::new(
    "keeping logs",
    r#"umask 077; mkdir -p "$1" && cd "$1" || exit 1
cat >"$2.next" && mv -f "$2.next" "$2" || { rm -f "$2.next"; exit 1; }
find . -type f -mtime "+$4" -exec rm -f {} +
ls -t | tail -n "+$(($3 + 1))" | while read -r old; do rm -f "$old"; done"#,
);
const LIST: Script = Script::new(
    "listing logs",
    r#"cd "$1" 2>/dev/null || exit 0; for f in *.log; do [ -f "$f" ] && echo "$f"; done; :"#,
);

impl Releases<'_> {
    /// Shows what the services of a release wrote, or one of them.
    pub fn logs(&self, id: &ReleaseId, wanted: &Wanted, say: Option<Say>) -> Result<()> {
        self.lay_out_kept(id)?;
        self.with_project(id, |project| show(self.machine.docker(), project, wanted, say))
    }

    /// What was kept of a release whose containers were removed, a line each: `service | time text`.
    pub fn kept_logs(&self, id: &ReleaseId) -> Result<Option<String>> {
        self.machine.read(&self.machine.folder("logs").join(format!("{id}.log")))
    }

    /// The releases of which something was kept.
    pub fn with_kept_logs(&self) -> Result<Vec<ReleaseId>> {
        let told = self.machine.shell.script(LIST, &[self.machine.folder("logs").as_str()], "")?;
        Ok(told.lines().filter_map(|name| name.strip_suffix(".log")?.parse().ok()).collect())
    }
}

impl Platform<'_> {
    /// Shows what its services wrote, or one of them.
    pub fn logs(&self, wanted: &Wanted, say: Option<Say>) -> Result<()> {
        self.with_project_as_started(|project| show(self.machine.docker(), project, wanted, say))
    }
}

/// What is done with each line, when it is not just shown.
pub type Say<'a> = &'a dyn Fn(&str);

/// By compose. It begins each line with an escape code, whatever it is asked for: on a terminal nobody sees it.
fn show(docker: &Shell, project: &Project, wanted: &Wanted, say: Option<Say>) -> Result<()> {
    let show = Run::new(project.logs(docker, wanted));
    let status = match say {
        None if terminal::takes_escape_codes() => show.interactive()?,
        None => show.stream(|line| terminal::say(terminal::without_escape_codes(line)))?,
        Some(say) => show.stream(|line| say(&terminal::without_escape_codes(line)))?,
    };
    ensure!(status.success() || wanted.follow, "compose could not show the logs");
    Ok(())
}

impl LeasedReleases<'_> {
    /// Keeps what the release's containers wrote last. What goes wrong here is said, and keeps nobody from removing them.
    pub(super) fn keep_logs(&self, id: &ReleaseId) {
        if let Err(error) = self.try_to_keep_logs(id) {
            terminal::warn(format_args!("what {id} wrote could not be kept: {error:#}"));
        }
    }

    fn try_to_keep_logs(&self, id: &ReleaseId) -> Result<()> {
        let machine = self.leased.fenced()?;
        let parts = machine.releases().parts()?;
        let parts = parts.iter().filter(|part| &part.release == id);
        let logs: Vec<(&str, Vec<String>)> = parts
            .map(|part| {
                let docker = machine.docker();
                let lines = container::timed_lines(docker, &part.container, LINES, TELL_TIMEOUT)?;
                Ok((part.service.as_str(), lines))
            })
            .collect::<Result<_>>()?;
        let text = merged(&logs, BYTES);
        if text.is_empty() {
            return Ok(());
        }
        let (folder, name) = (machine.folder("logs"), format!("{id}.log"));
        let [releases, days] = [RELEASES, DAYS].map(|number| number.to_string());
        machine.shell.script(KEEP, &[folder.as_str(), &name, &releases, &days], &text)?;
        Ok(())
    }
}

/// The lines of all services in the order of their times, each behind its service; the last ones, when all are more than
/// so many bytes.
fn merged(logs: &[(&str, Vec<String>)], bytes: usize) -> String {
    let width = logs.iter().map(|(service, _)| service.len()).max().unwrap_or(0);
    let mut lines: Vec<(&String, &str)> =
        logs.iter().flat_map(|(service, lines)| lines.iter().map(move |line| (line, *service))).collect();
    lines.sort();
    let lines: Vec<String> =
        lines.iter().map(|(line, service)| format!("{service:width$} | {line}\n")).collect();
    let mut room = bytes;
    let fits = |line: &&String| {
        room = room.saturating_sub(line.len());
        room > 0
    };
    let kept = lines.iter().rev().take_while(fits).count();
    lines[lines.len() - kept..].concat()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::PermissionsExt;
    use std::time::SystemTime;

    use camino::Utf8Path;

    use super::*;
    use crate::tools::ssh::host_shell::HostShell;

    fn lines(all: &[&str]) -> Vec<String> {
        all.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn lines_of_several_services_are_in_the_order_of_their_times() {
        let logs = [("worker", lines(&["1 starts", "3 ends"])), ("web", lines(&["2 listens"]))];
        assert_eq!(merged(&logs, 1000), "worker | 1 starts\nweb    | 2 listens\nworker | 3 ends\n");
    }

    #[test]
    fn the_newest_logs_are_kept_and_nobody_else_reads_them() {
        let folder = tempfile::tempdir().unwrap();
        let logs = Utf8Path::from_path(folder.path()).unwrap().join("logs");
        let shell = HostShell::here();
        let keep = |name: &str, text: &str| {
            shell.script(KEEP, &[logs.as_str(), name, "2", "90"], text).map(drop).unwrap()
        };
        let old = SystemTime::now() - Duration::from_secs(60);
        for (name, ago) in [("a.log", 0), ("b.log", 10)] {
            keep(name, "first\n");
            let file = File::options().append(true).open(logs.join(name)).unwrap();
            file.set_modified(old + Duration::from_secs(ago)).unwrap();
        }
        fs::write(logs.join("c.log.next"), "cut off").unwrap();
        keep("c.log", "third\n");
        let told = shell.script(LIST, &[logs.as_str()], "").unwrap();
        assert_eq!(told, "b.log\nc.log");
        assert_eq!(fs::read_to_string(logs.join("c.log")).unwrap(), "third\n");
        assert_eq!(fs::metadata(logs.join("b.log")).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(shell.script(LIST, &["/no/such/folder"], "").unwrap(), "");
        let of_last_year = File::options().append(true).open(logs.join("b.log")).unwrap();
        of_last_year.set_modified(SystemTime::now() - Duration::from_secs(100 * 86_400)).unwrap();
        keep("c.log", "again\n");
        assert_eq!(shell.script(LIST, &[logs.as_str()], "").unwrap(), "c.log");
    }

    #[test]
    fn of_too_many_lines_the_last_ones_are_kept_whole() {
        let logs = [("worker", lines(&["1 a", "2 b", "3 c"]))];
        assert_eq!(merged(&logs, 29), "worker | 2 b\nworker | 3 c\n");
        assert_eq!(merged(&logs, 5), "");
        assert_eq!(merged(&[], 1000), "");
    }
}
