//! `cargo xtask host setup`: what a host must have, looked at line by line, and done where it is missing.

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde_json::{Value, json};

use crate::commands::output::OutputArgs;
use crate::commands::output::near::did_you_mean;
use crate::commands::progress::steps::Preview;
use crate::commands::refuse;
use crate::commands::target::access::Access;
use crate::commands::target::consent::Consent;
use crate::commands::target::{self, TargetArgs, connect};
use crate::host;
use crate::product::secrets::Supplied;
use crate::project::Environment;
use crate::setup::host::{Admin, Requirement, State, Wanted, requirements};
use crate::terminal::{self, Activity, paint};
use crate::tools::ssh::host_shell::HostShell;
use crate::tools::ssh::keys::Key;
use crate::tools::ssh::{Connection, Destination};
use crate::workspace;

#[derive(Debug, Args)]
pub struct Setup {
    #[command(flatten)]
    target: TargetArgs,
    /// Who may change the machine: root, or a user who may call sudo without a password. By default the user who deploys,
    /// or root where that one may not
    #[arg(long = "as", value_name = "USER")]
    admin: Option<String>,
    /// The fingerprint that the machine's provider shows, when its key is not pinned yet
    #[arg(long, value_name = "SHA256:…")]
    fingerprint: Option<String>,
    /// Say what is missing, and change nothing
    #[arg(long)]
    plan: bool,
    /// Leave this line of the plan as it is (repeatable)
    #[arg(long, value_name = "LINE")]
    without: Vec<String>,
    /// Take this line of the plan back, and do nothing else
    #[arg(long, value_name = "LINE", conflicts_with_all = ["plan", "without"])]
    undo: Option<String>,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    output: OutputArgs,
    /// Somebody's own compose project runs there, and is known of: set for `host adopt`.
    #[arg(skip)]
    beside_project: bool,
}

/// The way to the host, whether its key is newly pinned, and what was found of each requirement.
type Made = (Access, bool, Vec<(Requirement, State)>);

impl Setup {
    /// With nothing left out, for somebody who has said yes to more than that.
    pub fn whole(target: TargetArgs, output: OutputArgs) -> Setup {
        let consent = Consent { yes: true };
        Setup {
            target,
            admin: None,
            fingerprint: None,
            plan: false,
            without: Vec::new(),
            undo: None,
            consent,
            output,
            beside_project: false,
        }
    }

    /// Beside somebody's own project, whose users may come by other ports than 80 and 443: without the line that closes those.
    pub fn beside_project(target: TargetArgs, admin: Option<String>, output: OutputArgs) -> Setup {
        let without = vec!["firewall".to_owned()];
        Setup { admin, without, beside_project: true, ..Setup::whole(target, output) }
    }

    pub fn run(self) -> Result<()> {
        let Some((access, pinned, requirements)) = self.make()? else { return Ok(()) };
        self.output.say(|| result(&access, pinned, &requirements), || say_end(&access, pinned, true));
        Ok(())
    }

    /// Does what is missing; none where no more than a look, or something else, was asked for.
    pub fn make(&self) -> Result<Option<Made>> {
        let environment = self.target.environment();
        let (access, pinned) = match self.target.is_elsewhere() {
            true => (self.target.access()?, false),
            false => Access::of_new_host(environment, self.fingerprint.as_deref())?,
        };
        let wanted = Wanted {
            user: access.destination.user.clone(),
            key: access.destination.key.as_ref().map(Key::public).transpose()?,
            ledger_key: ledger_key(environment, access.prefix)?,
            root: environment.root(&workspace::local_dir()).into_string(),
            port: access.destination.port.unwrap_or(22),
            only_ecdsa: access.destination.host_keys.are_only("ecdsa-"),
        };
        let all = self.chosen(requirements(&wanted))?;
        let (shell, sudo) = come_in(&access, self.admin.as_deref())?;
        let admin = Admin { shell: &shell, sudo };
        if let Some(name) = &self.undo {
            self.take_back(&admin, name, &all)?;
            return Ok(None);
        }
        self.check_other_projects(&admin, access.site.ports())?;
        let requirements = look(&admin, all)?;
        if !self.output.json {
            say_requirements(&requirements);
        }
        let missing: Vec<&Requirement> = requirements
            .iter()
            .filter(|(_, state)| *state != State::Right)
            .map(|(requirement, _)| requirement)
            .collect();
        if wanted.ledger_key.is_none() {
            let prefix = access.prefix;
            terminal::note(paint::dim(format_args!(
                "  {prefix}_LEDGER_KEY is not set: no key for reading the ledger is put there"
            )));
        }
        let is_host = missing.is_empty();
        if self.plan {
            self.output.say(|| preview(&requirements).as_json(), || say_end(&access, pinned, is_host));
            return Ok(None);
        }
        if !is_host {
            let question = format!("Do these {} requirements on {}?", missing.len(), access.destination.host);
            self.consent.ask(&question, "nothing was changed", "setting a host up")?;
        }
        for requirement in &missing {
            Activity::of(format!("{}: {}", requirement.name, requirement.what), |activity| {
                mend(&admin, &access.destination, requirement, &|line| activity.line(line))
            })
            .context("what was done before stays; mend the cause and run this again")?;
        }
        Ok(Some((access, pinned, requirements)))
    }

    /// Said by `--plan`, and else refused, when what somebody runs there by hand is in the way.
    fn check_other_projects(&self, admin: &Admin, ports: &[u16]) -> Result<()> {
        if self.beside_project {
            return Ok(());
        }
        let (environment, containers) = (self.target.environment(), host::containers(admin)?);
        let was_adopted = host::adoption_of(admin, environment)?.is_some_and(|it| it.is_made());
        let so_far = "Nothing was changed.";
        match host::check_none_in_the_way(&containers, environment, ports, was_adopted, so_far) {
            Err(error) if self.plan => terminal::warn(format_args!("{error:#}")),
            checked => checked?,
        }
        Ok(())
    }

    /// The lines that this call is about. An error when it names one that there is not.
    fn chosen(&self, requirements: Vec<Requirement>) -> Result<Vec<Requirement>> {
        for name in self.without.iter().chain(&self.undo) {
            let names = || requirements.iter().map(|requirement| requirement.name);
            if !names().any(|it| it == name) {
                return Err(refuse(format!("the plan has no line '{name}'.{}", did_you_mean(name, names()))));
            }
        }
        Ok(requirements
            .into_iter()
            .filter(|requirement| !self.without.iter().any(|name| name == requirement.name))
            .collect())
    }

    fn take_back(&self, admin: &Admin, name: &str, all: &[Requirement]) -> Result<()> {
        let requirement =
            all.iter().find(|requirement| requirement.name == name).context("it was looked for")?;
        if !requirement.can_be_undone() {
            return Err(refuse(format!("'{name}' stays: nothing takes it back")));
        }
        let question = format!("Take back '{name}' ({})?", requirement.what);
        self.consent.ask(
            &question,
            "nothing was changed",
            "taking back what makes a host harder to attack",
        )?;
        admin.undo(requirement)?;
        let words = format!("'{name}' is taken back; `host setup --without '{name}'` leaves it like that.");
        self.output.say(|| json!({ "undone": name }), || terminal::say(words));
        Ok(())
    }
}

/// As somebody who may change the machine, and whether that one must call sudo.
pub fn come_in(access: &Access, given: Option<&str>) -> Result<(HostShell, bool)> {
    let mut access = access.clone();
    if let Some(name) = given {
        access.destination.user = target::access::user_name(name).map_err(refuse)?;
        let connection = Activity::of(format!("connect to {}", access.destination), |_| connect(&access))?;
        return Ok((HostShell::behind(connection), name != "root"));
    }
    Activity::of(format!("connect to {}", access.destination), |_| {
        if access.destination.user != "root"
            && let Some(shell) = as_deployer(&access.destination)
        {
            return Ok((shell, true));
        }
        access.destination.user = "root".to_owned();
        Ok((HostShell::behind(connect(&access)?), false))
    })
}

/// As the user who deploys, when that one may already become root.
fn as_deployer(destination: &Destination) -> Option<HostShell> {
    let shell = HostShell::behind(Connection::open(destination).ok()?);
    Admin { shell: &shell, sudo: true }.may().is_ok_and(|may| may).then_some(shell)
}

/// Puts it right. What decides who comes in is taken back when the user who deploys no longer does.
fn mend(
    admin: &Admin,
    user: &Destination,
    requirement: &Requirement,
    each_line: &(dyn Fn(&str) + Sync),
) -> Result<()> {
    if requirement.may_shut_out {
        try_log_in(user).with_context(|| format!("{} was not begun", requirement.name))?;
    }
    admin.mend(requirement, each_line)?;
    if requirement.may_shut_out
        && let Err(error) = try_log_in(user)
    {
        admin.undo(requirement)?;
        return Err(error.context(format!("{} was taken back", requirement.name)));
    }
    Ok(())
}

/// By a connection of its own, since those that are open stay.
fn try_log_in(user: &Destination) -> Result<()> {
    let connection = Connection::open(user).map_err(anyhow::Error::from);
    let shell = HostShell::behind(connection.with_context(|| format!("{user} is not let in"))?);
    let may = Admin { shell: &shell, sudo: user.user != "root" }.may()?;
    ensure!(may, "{user} is let in, and may not become root");
    Ok(())
}

/// For programs.
fn result(access: &Access, newly_pinned: bool, requirements: &[(Requirement, State)]) -> Value {
    let requirements = requirements.iter().map(|(requirement, found)| {
        json!({ "requirement": requirement.name, "what": requirement.what, "was_right": *found == State::Right })
    });
    let host_key = newly_pinned.then(|| access.destination.host_keys.to_string());
    json!({ "is_host": true, "requirements": requirements.collect::<Vec<_>>(), "new_host_key": host_key })
}

/// For people, who have seen the requirements already.
fn say_end(access: &Access, newly_pinned: bool, is_host: bool) {
    let Access { prefix, environment, .. } = access;
    let Destination { host, host_keys, .. } = &access.destination;
    if newly_pinned {
        let host_keys = paint::strong(format_args!("'{host_keys}'"));
        terminal::say(format_args!("Pin its host key: {prefix}_HOST_KEY={host_keys}"));
    }
    if is_host {
        let ready = paint::good("Ready:");
        terminal::say(format_args!("{ready} {host} is a host: `cargo xtask deploy --env {environment}`"));
    } else {
        terminal::say(format_args!(
            "Nothing was changed. `cargo xtask host setup --env {environment}` does what is to do."
        ));
    }
}

/// Looks at each requirement.
fn look(admin: &Admin, requirements: Vec<Requirement>) -> Result<Vec<(Requirement, State)>> {
    requirements
        .into_iter()
        .map(|requirement| {
            let state = admin.look(&requirement)?;
            Ok((requirement, state))
        })
        .collect()
}

fn preview(requirements: &[(Requirement, State)]) -> Preview {
    let (right, missing): (Vec<_>, Vec<_>) =
        requirements.iter().partition(|(_, state)| *state == State::Right);
    let step =
        |(requirement, _): &(Requirement, State)| (requirement.name.to_owned(), requirement.what.clone());
    let not_needed =
        |(requirement, _): &(Requirement, State)| format!("{}: it is right already", requirement.name);
    Preview {
        steps: missing.into_iter().map(step).collect(),
        not_needed: right.into_iter().map(not_needed).collect(),
    }
}

fn say_requirements(requirements: &[(Requirement, State)]) {
    let row = |(requirement, state): &(Requirement, State)| {
        let (word, seen) = match state {
            State::Right => (paint::good("right"), paint::dim(&requirement.what)),
            State::Missing(seen) => {
                (paint::warn("to do"), format!("{}  {}", requirement.what, paint::dim(seen)))
            }
        };
        vec![requirement.name.to_owned(), word, seen]
    };
    terminal::table(&["requirement", "state", "what"], &requirements.iter().map(row).collect::<Vec<_>>());
}

fn ledger_key(environment: &Environment, prefix: &str) -> Result<Option<String>> {
    let variable = format!("{prefix}_LEDGER_KEY");
    let Some(value) = Supplied::of(environment)?.text(&variable)? else { return Ok(None) };
    let key = Key::parse(&value).map_err(|why| refuse(format!("{variable}: {why}")))?;
    key.public().map(Some).with_context(|| variable)
}
