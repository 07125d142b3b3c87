//! How a drill must have ended, beside that users are served and that the page's last command prints what the page says.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::lab::{DrillLab, ROOT};
use super::troubles::database;
use crate::lab::inbox::SLACK;
use crate::project::DATABASE;

/// The longest until somebody is told that it is over.
const OVER_TIMEOUT: Duration = Duration::from_secs(300);
/// From so much on, the alarm of the disk is told.
const FULL: u32 = 90;

/// What a drill has come to.
pub struct End<'a> {
    /// Where.
    pub lab: &'a DrillLab,
    /// What the page's last command printed.
    pub printed: &'a str,
    /// When the trouble began.
    pub began: Instant,
}

/// The release that was well before has the traffic, and who was told of the site is told that it is over.
pub fn site_is_over(end: &End) -> Result<()> {
    well_serves(end)?;
    over(end, "site")
}

/// The release that was well before has the traffic.
pub fn well_serves(end: &End) -> Result<()> {
    let (live, well) = (end.lab.live()?, end.lab.live_when_well());
    ensure!(live == well, "{live} has the traffic, and before the trouble it was {well}");
    Ok(())
}

/// A failed log-in was there to be forgotten.
pub fn forgotten(end: &End) -> Result<()> {
    let count = end.printed.lines().find_map(|line| line.trim().strip_prefix("DELETE ")?.parse::<u32>().ok());
    ensure!(count.is_some_and(|count| count > 0), "no failed log-in was forgotten: {}", end.printed);
    Ok(())
}

/// There is room, and who was told is told that it is over.
pub fn room(end: &End) -> Result<()> {
    let told = end.lab.root(&["df", "--output=pcent", ROOT])?;
    let used = told.lines().last().and_then(|line| line.trim().trim_end_matches('%').parse::<u32>().ok());
    let used = used.with_context(|| format!("df said {told:?}"))?;
    ensure!(used < FULL, "the disk is {used} % full all the same");
    over(end, "disk-90")
}

/// It is that version that was revoked, and no other.
pub fn revoked(end: &End) -> Result<()> {
    let leaked = end.lab.meant("VERSION");
    ensure!(
        is_revoked(end.printed, "jwt_secret", &leaked),
        "version {leaked}, which is out, is not revoked:\n{}",
        end.printed
    );
    Ok(())
}

fn is_revoked(table: &str, name: &str, version: &str) -> bool {
    let row = [name, version, "revoked"];
    table.lines().any(|line| line.split_whitespace().take(3).eq(row))
}

/// The release that brought the migration has the traffic, and the database has what it made.
pub fn migrated(end: &End) -> Result<()> {
    const ASKS: &str = "SELECT count(*) FROM information_schema.columns WHERE table_name = 'shipments' AND column_name = 'drill'";
    let live = end.lab.live()?;
    ensure!(live != end.lab.live_when_well(), "the release from before, {live}, has the traffic");
    let psql = ["psql", "--username=postgres", "--dbname", DATABASE, "--no-align", "--tuples-only"];
    let database = database();
    let asks = [&["docker", "exec", &database][..], &psql, &["--command", ASKS]].concat();
    let count = end.lab.root(&asks)?;
    ensure!(count.trim() == "1", "the database lacks what the migration makes");
    Ok(())
}

fn over(end: &End, alarm: &str) -> Result<()> {
    end.lab.inbox.wait_for(SLACK, &format!("[lab] over: {alarm}"), end.began, OVER_TIMEOUT).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_version_that_is_out_counts_as_revoked() {
        let table = "secret      version  state    releases\njwt_secret  1        revoked\njwt_secret  2        current  a\n";
        assert!(is_revoked(table, "jwt_secret", "1"));
        assert!(!is_revoked(table, "jwt_secret", "2") && !is_revoked(table, "smtp_url", "1"));
    }
}
