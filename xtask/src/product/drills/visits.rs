//! What users do all along, each in a way that a trouble may be in.

use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::lab::{ASK_TIMEOUT, DrillLab, ENVIRONMENT};
use super::users::{Ask, Stolen};
use crate::project::{PROBE_PATH, SMOKE_TEST};
use crate::tools::files::hex::hex;
use crate::tools::files::random::random;

/// The runbook's own example.
pub const WHO_LOGS_IN: &str = "ada@acme.example";
/// From one log-in to the next: one that succeeds ends the count of those that failed.
const LOG_IN_PAUSE: Duration = Duration::from_secs(4);

/// Looks at the page, and at what the app and its database answer.
pub fn visitors(lab: &DrillLab, _: Stolen) -> Result<Ask> {
    let (client, url) = (lab.client(), lab.url.clone());
    Ok(Box::new(move || {
        for path in [SMOKE_TEST.page, SMOKE_TEST.version, PROBE_PATH] {
            let status = client.get(&format!("{url}{path}"), ASK_TIMEOUT)?.status;
            ensure!(status == 200, "{path} is answered {status}");
        }
        Ok(())
    }))
}

/// Is logged in, and looks at the list.
pub fn readers(lab: &DrillLab, _: Stolen) -> Result<Ask> {
    let (client, url) = (lab.client(), format!("{}{}", lab.url, SMOKE_TEST.list));
    let token = log_in(lab)?;
    Ok(Box::new(move || {
        let status = client.get_as(&url, &token, ASK_TIMEOUT)?.status;
        ensure!(status == 200, "the list is answered {status}");
        Ok(())
    }))
}

/// Logs in again and again, from a browser that is new each time.
pub fn who_log_in(lab: &DrillLab, _: Stolen) -> Result<Ask> {
    let (client, url) = (lab.client(), format!("{}{}", lab.url, SMOKE_TEST.log_in));
    let who = json!({ "email": WHO_LOGS_IN, "password": add(lab, WHO_LOGS_IN)? });
    let pauses = Mutex::new(Duration::ZERO);
    Ok(Box::new(move || {
        thread::sleep(std::mem::replace(
            &mut *pauses.lock().unwrap_or_else(PoisonError::into_inner),
            LOG_IN_PAUSE,
        ));
        let status = client.post_json(&url, None, &who, ASK_TIMEOUT)?.status;
        ensure!(status == 200, "the log-in is answered {status}");
        Ok(())
    }))
}

/// Are well while nobody comes in by what was stolen from them.
pub fn who_are_robbed(lab: &DrillLab, stolen: Stolen) -> Result<Ask> {
    lab.encrypt()?;
    lab.call(&["secrets", "set", "JWT_SECRET", "--generate", "--env", ENVIRONMENT])?;
    lab.call(&["deploy", "--yes", "--env", ENVIRONMENT])?;
    let (client, url) = (lab.client(), format!("{}{}", lab.url, SMOKE_TEST.list));
    Ok(Box::new(move || {
        let token = stolen.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(token) = token else { return Ok(()) };
        let status = client.get_as(&url, &token, ASK_TIMEOUT)?.status;
        ensure!(status == 401, "a thief is answered {status}");
        Ok(())
    }))
}

/// Makes a user whom nobody has heard of, and logs in; gives the token.
pub fn log_in(lab: &DrillLab) -> Result<String> {
    let email = format!("{}@drill.example", hex(&random::<4>()?));
    let who = json!({ "email": email, "password": add(lab, &email)? });
    let url = format!("{}{}", lab.url, SMOKE_TEST.log_in);
    let answer = lab.client().post_json(&url, None, &who, ASK_TIMEOUT)?;
    let told: Value = serde_json::from_str(&answer.body).context("reading what a log-in answers")?;
    Ok(told["token"]
        .as_str()
        .with_context(|| format!("the log-in was answered {}", answer.status))?
        .to_owned())
}

/// Makes a user, in an organisation of the same name; gives the password.
pub fn add(lab: &DrillLab, email: &str) -> Result<String> {
    let of = ["user", "add", "--json", "--env", ENVIRONMENT, "--name", "Ada", "--email", email];
    let told = lab.json(&[&of[..], &["--organisation", email, "--new-organisation"]].concat())?;
    Ok(told["password"].as_str().context("the user has no password")?.to_owned())
}
