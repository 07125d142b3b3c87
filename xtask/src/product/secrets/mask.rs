//! GitHub's log of a job masks the secrets that GitHub itself handed to it; of those that were opened from a file it must be told.

use std::collections::BTreeSet;
use std::sync::Mutex;

use super::secrets_among;
use crate::pipeline::lines_to_mask;
use crate::terminal;
use crate::tools::sops::Values;

/// Has the log of the job mask these, where this is a job of GitHub's: each once.
pub fn in_jobs(values: &Values) {
    static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true") {
        let mut told = TOLD.lock().expect("nothing panics while it is held");
        // The runner reads commands from both streams, and shows `***` in place of this one's value.
        commands(values).filter(|command| told.insert(command.clone())).for_each(terminal::note);
    }
}

/// One for each line of a value, since that is how a log is masked.
fn commands(values: &Values) -> impl Iterator<Item = String> {
    let lines = secrets_among(values).into_iter().flat_map(|(_, value)| lines_to_mask(value));
    lines.map(|line| format!("::add-mask::{}", line.replace('%', "%25")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_a_secret_is_masked_as_github_reads_it_and_a_host_s_name_is_not() {
        let values = [
            ("STAGING_SSH_KEY", "-----BEGIN X-----\nabcdefgh\nij%klmno\n-----END X-----\n"),
            ("STAGING_HOST", "app.example.org"),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        assert_eq!(commands(&values).collect::<Vec<_>>(), ["::add-mask::abcdefgh", "::add-mask::ij%25klmno"]);
    }
}
