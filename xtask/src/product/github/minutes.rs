//! How many minutes of workflows the account has used in this month, as GitHub bills them.

use anyhow::Result;
use serde_json::Value;

use super::access;
use crate::product::secrets::today;
use crate::tools::github::{Api, Refused};

/// So many, in this month; nothing where nobody can be asked, or the token may not read what the account is billed.
pub fn used() -> Result<Option<u64>> {
    let Ok(access) = access()? else { return Ok(None) };
    // Who deploys waits for no limit of GitHub's.
    used_of(&Api::new(&access.address, &access.repository, &access.token).without_waiting(), &today())
}

/// `today` is a date: `2026-01-03`.
pub(super) fn used_of(api: &Api, today: &str) -> Result<Option<u64>> {
    let owner = api.repository().split('/').next().unwrap_or_default();
    let mut parts = today.split('-');
    let (year, month) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let month = month.trim_start_matches('0');
    // Of an organisation, or of a person: nobody says which the owner is.
    for accounts in ["organizations", "users"] {
        let path = format!("/{accounts}/{owner}/settings/billing/usage?year={year}&month={month}");
        match api.get_beside(&path) {
            Ok(Some(told)) => return Ok(minutes(&told)),
            Ok(None) => {}
            Err(error) if error.downcast_ref::<Refused>().is_some_and(|it| it.status == 403) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Of the answer, what is of workflows.
fn minutes(told: &Value) -> Option<u64> {
    let is = |item: &Value, name: &str, value: &str| {
        item[name].as_str().is_some_and(|found| found.eq_ignore_ascii_case(value))
    };
    let items = told["usageItems"].as_array()?.iter();
    let of_workflows = items.filter(|item| is(item, "product", "actions") && is(item, "unitType", "minutes"));
    Some(of_workflows.filter_map(|item| item["quantity"].as_f64()).sum::<f64>().ceil() as u64)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::thread;

    use super::*;
    use crate::tools::http::received::Received;

    /// What is made of these answers, one request each; and the requests.
    fn asked(answers: &'static [(u16, &'static str)]) -> (Option<u64>, Vec<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let one = |(status, body): &(u16, &str)| {
                let mut stream = listener.accept().unwrap().0;
                let line = Received::from(&stream).unwrap().line;
                write!(stream, "HTTP/1.1 {status} OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
                    .unwrap();
                line
            };
            answers.iter().map(one).collect()
        });
        let used = used_of(&Api::new(&address, "ada/engine", "word"), "2026-01-31").unwrap();
        (used, server.join().unwrap())
    }

    #[test]
    fn the_minutes_of_a_month_are_summed_and_what_may_not_be_read_is_unknown() {
        const USAGE: &str = r#"{"usageItems":[
            {"product":"Actions","unitType":"minutes","quantity":1600.5,"repositoryName":"ada/engine"},
            {"product":"actions","unitType":"Minutes","quantity":100,"repositoryName":"ada/other"},
            {"product":"Actions","unitType":"GigabyteHours","quantity":7},
            {"product":"Copilot","unitType":"minutes","quantity":9}]}"#;
        let (used, asked_for) = asked(&[(404, "{}"), (200, USAGE)]);
        assert_eq!(used, Some(1701));
        assert_eq!(
            asked_for,
            ["organizations", "users"]
                .map(|kind| format!("GET /{kind}/ada/settings/billing/usage?year=2026&month=1"))
        );
        assert_eq!(asked(&[(403, "{}"), (403, "{}")]).0, None, "a token of one repository");
    }
}
