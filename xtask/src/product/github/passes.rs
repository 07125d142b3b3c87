//! What the jobs of a commit have come to, as GitHub tells it ('Checks', List check runs for a Git reference).

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::access;
use crate::product::workflows::jobs::JOBS;
use crate::tools::http;

const TIMEOUT: Duration = Duration::from_secs(20);

/// What GitHub told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Each job has passed.
    Passed,
    /// These have not, each with what it came to.
    NotPassed(Vec<String>),
    /// It could not be asked, for this reason.
    Nobody(&'static str),
}

/// Asks for each job of the table. An error when GitHub is asked and does not answer.
pub fn told_by_github(sha: &str) -> Result<Told> {
    match access()? {
        Ok(access) => {
            let url = format!("{}/repos/{}/commits/{sha}/check-runs", access.address, access.repository);
            ask(&url, &access.token)
        }
        Err(why) => Ok(Told::Nobody(why)),
    }
}

/// One request a job: a commit of a pull request has a run for the push and one for that, and all must have passed.
fn ask(url: &str, token: &str) -> Result<Told> {
    let mut others = Vec::new();
    for job in JOBS {
        let url = format!("{url}?per_page=5&check_name={}", job.name.replace(' ', "%20"));
        let answer = http::Client::default().get_as(&url, token.trim(), TIMEOUT)?;
        if answer.status != 200 {
            bail!("it answers {}: may the token read the checks of this repository?", answer.status);
        }
        let runs: Value = serde_json::from_str(&answer.body)?;
        let seen = runs["check_runs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let outcome =
            |run: &Value| run["conclusion"].as_str().or(run["status"].as_str()).unwrap_or("?").to_owned();
        let bad = seen.iter().map(outcome).find(|outcome| outcome != "success");
        let bad = bad.or_else(|| seen.is_empty().then(|| "has not run".to_owned()));
        let more = runs["total_count"].as_u64().unwrap_or(0) > seen.len() as u64;
        let bad = bad.or_else(|| more.then(|| "has more runs than can be looked at".to_owned()));
        others.extend(bad.map(|why| format!("{}: {why}", job.name)));
    }
    Ok(if others.is_empty() { Told::Passed } else { Told::NotPassed(others) })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// What is made of a server that answers each question by the job's name.
    fn told(answer: impl Fn(&str) -> String + Send + 'static) -> Result<Told> {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url =
            format!("http://{}/repos/a/b/commits/0123/check-runs", listener.local_addr().expect("its port"));
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let lines =
                    BufReader::new(stream.try_clone().expect("a stream")).lines().map_while(Result::ok);
                let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
                assert!(
                    head.iter().any(|line| line.eq_ignore_ascii_case("authorization: bearer word")),
                    "{head:?}"
                );
                let body = answer(&head[0]);
                let status = if body.is_empty() { "403 Forbidden" } else { "200 OK" };
                let length = body.len();
                let _ = write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
            }
        });
        ask(&url, "word\n")
    }

    #[test]
    fn a_job_that_failed_runs_or_never_ran_is_no_pass_and_no_answer_is_no_pass_either() {
        let run = |status: &str, conclusion: &str| {
            format!(r#"{{"total_count":1,"check_runs":[{{"status":"{status}","conclusion":{conclusion}}}]}}"#)
        };
        let good = run("completed", "\"success\"");
        assert_eq!(
            told({
                let good = good.clone();
                move |_| good.clone()
            })
            .expect("told"),
            Told::Passed
        );
        let others = [
            (run("completed", "\"failure\""), "failure"),
            (run("in_progress", "null"), "in_progress"),
            (r#"{"total_count":0,"check_runs":[]}"#.to_owned(), "has not run"),
            // Of the pull request, and of the push.
            (
                r#"{"total_count":2,"check_runs":[{"conclusion":"success"},{"conclusion":"failure"}]}"#
                    .to_owned(),
                "failure",
            ),
            (
                r#"{"total_count":6,"check_runs":[{"conclusion":"success"}]}"#.to_owned(),
                "has more runs than can be looked at",
            ),
        ];
        for (other, words) in others {
            let good = good.clone();
            let answer = move |asked: &str| {
                if asked.contains("check_name=backend%20test ") { other.clone() } else { good.clone() }
            };
            assert_eq!(told(answer).expect("told"), Told::NotPassed(vec![format!("backend test: {words}")]));
        }
        assert!(told(|_| String::new()).unwrap_err().to_string().contains("403"));
        assert!(told(|_| "<html>".to_owned()).is_err());
    }
}
