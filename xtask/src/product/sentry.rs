//! The project in Sentry: it is told of releases and deploys, and knows which errors are new in a release.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::secrets::Supplied;
use crate::tools::http::{self, Client};

/// Whoever asks how a release is has more to do than to wait for this.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);

/// Where it is, and who may write to it.
#[derive(Debug, Clone)]
pub struct Sentry {
    url: String,
    organisation: String,
    project: String,
    token: String,
}

impl Sentry {
    /// The one that variables and the environment's encrypted file name.
    pub fn of(supplied: &Supplied) -> Option<Sentry> {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let url = variable("SENTRY_URL").unwrap_or_else(|| "https://sentry.io".to_owned());
        Some(Sentry {
            url: url.trim_end_matches('/').to_owned(),
            organisation: variable("SENTRY_ORG")?,
            project: variable("SENTRY_PROJECT")?,
            token: supplied.text("SENTRY_AUTH_TOKEN").ok().flatten()?.trim().to_owned(),
        })
    }

    /// Tells it that a release has the traffic of an environment.
    pub fn deployed(&self, release: &str, environment: &str, site: &str) -> Result<()> {
        let Sentry { url, organisation, project, token } = self;
        let base = format!("{url}/api/0/organizations/{organisation}/releases/");
        let bearer = format!("Bearer {token}");
        let headers = [("Authorization", bearer.as_str())];
        let told = json!({ "version": release, "projects": [project] });
        http::post(&base, &headers, &told).context("Sentry was not told of the release")?;
        let deploy = json!({ "environment": environment, "url": site });
        http::post(&format!("{base}{release}/deploys/"), &headers, &deploy)
            .context("Sentry was not told of the deploy")
    }

    /// How many kinds of errors were first seen in this release, in this environment.
    pub fn new_in(&self, release: &str, environment: &str) -> Result<u64> {
        let Sentry { url, organisation, project, token } = self;
        let query = format!("query=firstRelease%3A{release}&environment={environment}&limit=1");
        let address = format!("{url}/api/0/projects/{organisation}/{project}/issues/?{query}");
        let answer = Client::default().get_as(&address, token, ASK_TIMEOUT)?;
        if answer.status != 200 {
            bail!("Sentry answers {}: may the token read issues?", answer.status);
        }
        // There may be more than it shows.
        if let Some(hits) = answer.header("x-hits").and_then(|hits| hits.parse().ok()) {
            return Ok(hits);
        }
        let shown: Vec<Value> = serde_json::from_str(&answer.body).context("reading Sentry's issues")?;
        Ok(shown.len() as u64)
    }

    /// Where people read of those.
    pub fn page_of(&self, release: &str) -> String {
        let Sentry { url, organisation, .. } = self;
        format!("{url}/organizations/{organisation}/issues/?query=firstRelease%3A{release}")
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use super::*;
    use crate::tools::http::received::Received;

    const RELEASE: &str = "20260103t120000z-1a2b3c4d5e6f";

    /// A Sentry of the loopback that gives these answers, and the requests that it got.
    fn answering(answers: &'static [&'static str]) -> (Sentry, JoinHandle<Vec<Received>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let word = |word: &str| word.to_owned();
        let sentry = Sentry {
            url,
            organisation: word("acme"),
            project: word("tracehub"),
            token: word("secret-token"),
        };
        let one = move |answer: &&str| {
            let mut stream = listener.accept().unwrap().0;
            let received = Received::from(&stream).unwrap();
            write!(stream, "HTTP/1.1 {answer}").unwrap();
            received
        };
        (sentry, thread::spawn(move || answers.iter().map(one).collect()))
    }

    #[test]
    fn it_is_told_of_the_release_and_of_its_deploy_with_the_token_in_a_header() {
        const FINE: &str = "200 OK\r\nContent-Length: 0\r\n\r\n";
        let (sentry, server) = answering(&[FINE, FINE]);
        sentry.deployed(RELEASE, "staging", "https://example.org").unwrap();
        let told = server.join().unwrap();
        assert_eq!(told[0].line, "POST /api/0/organizations/acme/releases/");
        assert!(told[1].line.ends_with(&format!("/releases/{RELEASE}/deploys/")), "{}", told[1].line);
        assert!(told.iter().all(|it| it.header("authorization") == Some("Bearer secret-token")));
        assert_eq!(serde_json::from_str::<Value>(&told[1].body).unwrap()["environment"], "staging");
    }

    #[test]
    fn errors_that_are_new_in_a_release_are_counted_also_those_that_are_not_shown() {
        let (sentry, server) = answering(&[
            "200 OK\r\nX-Hits: 12\r\nContent-Length: 11\r\n\r\n[{\"id\":\"7\"}]",
            "200 OK\r\nContent-Length: 2\r\n\r\n[]",
            "403 Forbidden\r\nContent-Length: 0\r\n\r\n",
        ]);
        assert_eq!(sentry.new_in(RELEASE, "staging").unwrap(), 12);
        assert_eq!(sentry.new_in(RELEASE, "staging").unwrap(), 0);
        let error = format!("{:#}", sentry.new_in(RELEASE, "staging").unwrap_err());
        assert!(error.contains("403") && !error.contains("secret-token"), "{error}");
        let asked = server.join().unwrap();
        let query = format!("?query=firstRelease%3A{RELEASE}&environment=staging&limit=1");
        assert_eq!(asked[0].line, format!("GET /api/0/projects/acme/tracehub/issues/{query}"));
    }
}
