//! Keys and passwords are exchanged for others, and nobody notices.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::secrets::{JWT_SECRET, encrypt, remove_file};
use crate::support::check;
use crate::support::client::Client;
use crate::support::http::{connect, read_head};

/// Users who logged in at each stage of an exchange ask all along; a rollback leads behind each stage and back.
pub fn under_load(lab: &Lab) -> Result<(), Failed> {
    let project = &lab.project;
    is_live(lab)?;
    let first = lab.host().live();
    let newest = format!("cat {JWT_SECRET}/$(ls {JWT_SECRET} | grep -v [.] | sort -n | tail -n 1)");
    let key = encrypt(project, &format!("JWT_SECRET={}\n", lab.host().sh(&newest)))?;
    let with_key = |arguments: &[&str]| project.xtask(arguments).env("SOPS_AGE_KEY_FILE", key.as_str());
    let deploy = || with_key(&["deploy", "--yes"]).succeeds().map(|_| lab.host().live());
    let to = |release: &str| with_key(&["rollback", "--to", release]).succeeds().map(drop);
    let rotate = || with_key(&["secrets", "rotate", "JWT_SECRET"]);
    // Each version that a rollback would lead back to, as the refusal names it.
    let revoke_older = || {
        let refused = rotate().fails_with(3)?;
        let named: Vec<&str> = refused.split("secrets revoke jwt_secret ").skip(1).collect();
        check(!named.is_empty(), || refused.clone())?;
        for version in named.iter().filter_map(|it| it.split(' ').next()) {
            with_key(&["secrets", "revoke", "jwt_secret", version, "--yes"]).succeeds()?;
        }
        Ok::<(), Failed>(())
    };
    let users = Users::of(lab)?;

    rotate().succeeds()?;
    rotate().fails_with(3)?;
    let old_signs = deploy()?;
    users.log_in()?;
    to(&first)?;
    users.log_in()?;
    let output = rotate().fails_with(3)?;
    check(output.contains("runs with another value"), || format!("while the old release serves: {output}"))?;
    to(&old_signs)?;
    revoke_older()?;
    rotate().succeeds()?;
    let new_signs = deploy()?;
    users.log_in()?;
    for release in [&old_signs, &first, &new_signs] {
        to(release)?;
        users.log_in()?;
    }
    let output = with_key(&["secrets", "list"]).succeeds()?;
    check(output.contains("jwt_secret is being exchanged: the new key signs"), || output)?;
    revoke_older()?;
    let output = rotate().fails_with(3)?;
    check(output.contains("what the old key signed is believed until"), || output)?;
    let (asked, failed) = users.stop();
    println!("    {asked} requests of users who were logged in, {} failed", failed.len());
    check(asked > 100 && failed.is_empty(), || format!("{failed:?}"))?;

    let users = Users::of(lab)?;
    with_key(&["secrets", "rotate", "JWT_SECRET", "--leaked"]).succeeds()?;
    deploy()?;
    let later = users.log_in()?;
    check(me(lab.url(), &later)? == 200, || "who logs in again is not let in".into())?;
    let (_, failed) = users.stop();
    check(!failed.is_empty() && failed.iter().all(|it| it.contains("401")), || {
        format!("what the leaked key signed is still believed: {failed:?}")
    })?;
    remove_file(project)
}

/// Both roles of the database get other passwords twice, so that each name has had its turn, while users ask and log in.
pub fn of_roles(lab: &Lab) -> Result<(), Failed> {
    const SECRETS: [&str; 2] = ["database_app_password", "database_owner_password"];
    let project = &lab.project;
    is_live(lab)?;
    let first = lab.host().live();
    let newest = |name: &str| {
        let folder = format!("/opt/tracehub-app/secrets/{name}");
        lab.host().sh(&format!("cat {folder}/$(ls {folder} | grep -v [.] | sort -n | tail -n 1)"))
    };
    let lines = SECRETS.map(|name| format!("{}={}\n", name.to_uppercase(), newest(name)));
    let key = encrypt(project, &lines.concat())?;
    let with_key = |arguments: &[&str]| project.xtask(arguments).env("SOPS_AGE_KEY_FILE", key.as_str());
    let other_passwords = || {
        SECRETS.iter().try_for_each(|name| {
            let set = ["secrets", "set", &name.to_uppercase(), "--generate"];
            with_key(&set).succeeds().map(drop)
        })
    };
    let to = |release: &str| with_key(&["rollback", "--to", release]).succeeds().map(drop);
    let logged_in = || {
        let ask = "SELECT string_agg(DISTINCT usename, ' ' ORDER BY usename) FROM pg_stat_activity WHERE usename ~ '^tracehub_app'";
        let shell = ["db", "shell", "--superuser", "--", "--tuples-only", "--no-align", "--command", ask];
        project.xtask(&shell).succeeds()
    };
    check(with_key(&["deploy", "--yes"]).succeeds()?.contains("Nothing to do"), || {
        "the same passwords have made a new release".into()
    })?;
    let (users, client) = (Users::of(lab)?, Client::start(lab.url()));

    other_passwords()?;
    with_key(&["deploy", "--yes"]).succeeds()?;
    let second = lab.host().live();
    let names = logged_in()?;
    check(second != first && names.contains("tracehub_app tracehub_app_b"), || {
        format!("the one before is warm: {names}")
    })?;
    users.log_in()?;
    // Its container comes in as the owner whose turn it is.
    let more = Users::of(lab)?;
    for release in [&first, &second] {
        to(release)?;
        users.log_in()?;
    }

    other_passwords()?;
    let output = with_key(&["deploy", "--yes"]).fails_with(3)?;
    check(output.contains("would not get into the database any more") && output.contains(&first), || output)?;
    check(lab.host().live() == second, || "the traffic was moved".into())?;
    for name in SECRETS {
        with_key(&["secrets", "revoke", name, "1", "--yes"]).succeeds()?;
    }
    let names = logged_in()?;
    check(names.trim_end().ends_with("tracehub_app_b") && !names.contains("tracehub_app "), || {
        format!("who has a revoked password is in: {names}")
    })?;
    with_key(&["deploy", "--yes"]).succeeds()?;
    let third = lab.host().live();
    // The first takes today's password, the second has its own.
    for release in [&first, &second, &third] {
        to(release)?;
        users.log_in()?;
    }
    let status = project.status();
    check(status["drift"] == serde_json::json!([]), || format!("{status}"))?;
    let report = client.stop();
    let ((asked, failed), (_, failed_more)) = (users.stop(), more.stop());
    println!("    {asked} requests of users who were logged in, {} failed", failed.len());
    check(asked > 100 && failed.is_empty() && failed_more.is_empty(), || {
        format!("{failed:?} {failed_more:?}")
    })?;
    report.has_no_failures_from(3)?;
    remove_file(project)
}

fn is_live(lab: &Lab) -> Result<(), Failed> {
    if lab.host().live().is_empty() {
        lab.project.xtask(&["host", "setup", "--yes"]).succeeds()?;
        lab.project.deploy().succeeds()?;
    }
    Ok(())
}

/// Users who are logged in, and ask again and again who they are.
struct Users<'a> {
    lab: &'a Lab,
    email: String,
    password: String,
    tokens: Arc<Mutex<Vec<String>>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<(usize, Vec<String>)>,
}

impl<'a> Users<'a> {
    /// Makes one, who is logged in once.
    fn of(lab: &'a Lab) -> Result<Users<'a>, Failed> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let email = format!("user-{}@harbour.example", NUMBER.fetch_add(1, Ordering::Relaxed));
        let organisation = email.replace('@', " of ");
        let add = ["user", "add", "--organisation", &organisation, "--new-organisation", "--email", &email];
        let added = lab.project.xtask(&[&add[..], &["--name", "Grace", "--json"]].concat()).json()?;
        let password = added["password"].as_str().ok_or("no password is printed")?.to_owned();
        let (tokens, stop) = (Arc::<Mutex<Vec<String>>>::default(), Arc::new(AtomicBool::new(false)));
        let (url, all, stopped) = (lab.url().to_owned(), Arc::clone(&tokens), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            let (mut asked, mut failed) = (0, Vec::new());
            while !stopped.load(Ordering::Relaxed) {
                let tokens = all.lock().expect("no holder panics").clone();
                for (login, token) in tokens.iter().enumerate() {
                    asked += 1;
                    match me(&url, token) {
                        Ok(200) => {}
                        Ok(status) => failed.push(format!("log-in {login}: {status}")),
                        Err(error) => failed.push(format!("log-in {login}: {error:?}")),
                    }
                }
                thread::sleep(Duration::from_millis(50));
            }
            (asked, failed)
        });
        let users = Users { lab, email, password, tokens, stop, thread };
        users.log_in()?;
        Ok(users)
    }

    /// Logs in once more, by what serves now; the token is asked with from now on.
    fn log_in(&self) -> Result<String, Failed> {
        let body = serde_json::json!({ "email": self.email, "password": self.password }).to_string();
        let head = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        let (status, body) = ask(self.lab.url(), "POST /api/auth/login", &head, &body)?;
        check(status == 200, || format!("a log-in was answered {status}: {body}"))?;
        let said: serde_json::Value = serde_json::from_str(&body)?;
        let token = said["token"].as_str().ok_or_else(|| format!("no token: {said}"))?.to_owned();
        self.tokens.lock().expect("no holder panics").push(token.clone());
        Ok(token)
    }

    /// How many requests were sent, and what became of those that failed.
    fn stop(self) -> (usize, Vec<String>) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("it does not panic")
    }
}

/// The status with which the app answers who asks with this token.
fn me(url: &str, token: &str) -> Result<u16, Failed> {
    ask(url, "GET /api/auth/me", &format!("Authorization: Bearer {token}\r\n"), "").map(|(status, _)| status)
}

/// The status and the body of what is answered.
fn ask(url: &str, what: &str, headers: &str, body: &str) -> Result<(u16, String), Failed> {
    let mut connection = connect(url)?;
    let head = format!("{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    connection.get_mut().write_all((head + body).as_bytes())?;
    let (status, mut body) = (read_head(&mut connection)?.status, String::new());
    connection.read_to_string(&mut body)?;
    Ok((status, body))
}
