//! Migrations written by comparing what there is with what is wished: two scratch databases, and a proof that the way there and
//! the way back lead where they should.

mod split;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use camino::Utf8PathBuf;

use self::split::{Down, File, Reader};
use super::migration_rules::violations;
use super::migration_script;
use super::migrations::Migrations;
use crate::exit::refuse;
use crate::rollout::state::catalogue::{Differences, is_of_migrations};
use crate::rollout::state::contract::{Declares, NO_TRANSACTION};
use crate::setup::{self, Tool};
use crate::tools::database::pg_delta::{Action, PgDelta, Plan};
use crate::tools::database::postgres::Server;
use crate::tools::database::{catalogue, pg_dump, psql};
use crate::tools::diagnostics::syntax::{self, Parsed};

/// The tools that it takes.
pub const TOOLS: &[Tool] = &[Tool::Postgres, Tool::Node, Tool::Npm, Tool::PgDelta, Tool::Squawk];

/// What somebody who wants migrations written has said.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// Things that got a new name: `users.name=users.full_name`.
    pub renames: Vec<String>,
    /// Whether what is gone from the wished schema is to be dropped.
    pub allows_drops: bool,
    /// The commit from which on nothing uses what is taken away.
    pub unused_since: Option<String>,
}

/// A migration, both ways.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// What its name ends with.
    pub suffix: String,
    /// The way there.
    pub up: String,
    /// The way back.
    pub down: String,
}

/// The databases of a comparison.
const RAW: &str = "diff_raw";
const HAS: &str = "diff_has";
const WISHED: &str = "diff_wished";
const BEFORE: &str = "diff_before";
const AFTER: &str = "diff_after";

/// The migrations that make the schema of all migrations the wished one, which is SQL like `schema.sql`; none when there is no
/// difference.
///
/// # Errors
///
/// When the wish is not clear, or when the migrations would not lead there and back: then there are none.
pub fn written(server: &Server, wished: &str, wish: &Wish) -> Result<Vec<Migration>> {
    let mut diff = Diff::of(server)?;
    let migrations = Migrations::of_tree()?;
    diff.make(RAW, None)?;
    diff.script(RAW, &migration_script::of(&migrations, &migrations.versions()))
        .context("running all migrations")?;
    diff.load_anew(HAS)?;
    diff.make(RAW, None)?;
    diff.script(RAW, wished).context("the wished schema can't be made")?;
    diff.load_anew(WISHED)?;
    let plan = diff.plan(HAS, WISHED, &[])?;
    let renames = renames(&plan, wish)?;
    diff.back =
        renames.iter().filter_map(|it| it.split_once('=')).map(|(from, to)| format!("{to}={from}")).collect();
    let plan = if renames.is_empty() { plan } else { diff.plan(HAS, WISHED, &renames)? };
    if plan.actions.is_empty() {
        return Ok(Vec::new());
    }
    check_drops(&plan, wish)?;
    let actions = without_noise(plan.actions);
    // To give more, rights are first taken away; where that is not needed, it is not done.
    let adding: Vec<Action> = actions.iter().filter(|it| !takes_rights(it)).cloned().collect();
    let mut tries = vec![actions];
    if adding.len() < tries[0].len() {
        tries.insert(0, adding);
    }
    let mut last = None;
    for actions in tries {
        match diff.proved(&actions, wish) {
            Ok(migrations) => return Ok(migrations),
            Err(error) => last = Some(error),
        }
    }
    Err(last.context("there was something to try")?)
}

/// The renames that are meant, as the differ takes them; refused while it is not clear whether one is.
fn renames(plan: &Plan, wish: &Wish) -> Result<Vec<String>> {
    let mut meant = Vec::new();
    let mut asked: BTreeSet<&String> = wish.renames.iter().collect();
    let mut unclear = Vec::new();
    for candidate in &plan.rename_candidates {
        let is_it = |word: &&String| {
            let (from, to) = word.split_once('=').unwrap_or((word, ""));
            is_named(&candidate.from, from) && is_named(&candidate.to, to)
        };
        match wish.renames.iter().find(is_it) {
            Some(word) => {
                asked.remove(word);
                meant.push(format!("{}={}", candidate.from, candidate.to));
            }
            None => unclear.push(format!("{}={}", short(&candidate.from), short(&candidate.to))),
        }
    }
    if let Some(word) = asked.first() {
        return Err(refuse(format!(
            "--rename {word}: nothing may have been renamed so\n  Possible: {}",
            or_none(&unclear)
        )));
    }
    if !unclear.is_empty() && !wish.allows_drops {
        return Err(refuse(format!(
            "something is gone and something like it is new: was it renamed?\n  If so: `--rename {}`. If not, and what is in it may \
             go: `--allow-drops`. Nothing was written.",
            unclear.join("`, `--rename ")
        )));
    }
    Ok(meant)
}

fn or_none(words: &[String]) -> String {
    if words.is_empty() { "none".to_owned() } else { words.join(", ") }
}

/// `column:public.users.name`, as people write it.
fn short(label: &str) -> &str {
    label.split_once(".").map_or(label, |(_, rest)| rest)
}

fn is_named(label: &str, word: &str) -> bool {
    !word.is_empty() && (label == word || short(label) == word)
}

/// What is gone and does not come back in another form.
fn check_drops(plan: &Plan, wish: &Wish) -> Result<()> {
    let made: BTreeSet<&String> = plan.actions.iter().flat_map(|it| &it.produces).collect();
    let is_drop = |action: &&Action| {
        action.data_loss == "destructive"
            || action.verb == "drop" && action.destroys.iter().any(|id| !made.contains(id))
    };
    let drops: Vec<&str> = plan.actions.iter().filter(is_drop).map(|it| it.sql.trim()).collect();
    if drops.is_empty() || wish.allows_drops {
        return Ok(());
    }
    Err(refuse(format!(
        "this takes away what is there:\n    {}\n  `--allow-drops` if that is meant. Nothing was written.",
        drops.join(";\n    ")
    )))
}

/// Without taking rights from a column that is only being made.
fn without_noise(actions: Vec<Action>) -> Vec<Action> {
    let made: BTreeSet<String> = actions.iter().flat_map(|it| it.produces.clone()).collect();
    let is_noise = |action: &Action| {
        takes_rights(action)
            && action.consumes.iter().any(|id| id.contains("\"column\"") && made.contains(id))
    };
    actions.into_iter().filter(|action| !is_noise(action)).collect()
}

/// The first half of 'take all rights, then give these'.
fn takes_rights(action: &Action) -> bool {
    let is_acl = |id: &String| id.contains(r#""kind":"acl""#);
    action.verb == "create" && action.sql.starts_with("REVOKE ALL") && action.produces.iter().all(is_acl)
}

/// To take all rights on a table takes those on its columns along, which the differ does not know: these are given again.
/// `catalogue` is the one that is wished.
fn rights_on_columns(actions: &[Action], catalogue: &str) -> Vec<String> {
    let taken: Vec<&Action> = actions.iter().filter(|it| takes_rights(it)).collect();
    let grant = |line: &str| {
        let (column, right) = line.strip_prefix("grant on column ")?.split_once(" to ")?;
        let ((table, column), (role, rights)) = (column.rsplit_once('.')?, right.split_once(": ")?);
        let name = table.rsplit('.').next()?.trim_matches('"');
        let is_of_it = |it: &&&Action| it.sql.contains(name) && it.sql.contains(role.trim_matches('"'));
        taken.iter().find(is_of_it)?;
        let rights: Vec<String> = rights.split(", ").map(|right| format!("{right} ({column})")).collect();
        Some(format!("GRANT {} ON {table} TO {role}", rights.join(", ")))
    };
    catalogue.lines().filter_map(grant).collect()
}

/// A comparison, on this server.
struct Diff<'a> {
    server: &'a Server,
    delta: PgDelta,
    squawk: Utf8PathBuf,
    /// The renames that are meant, the other way round.
    back: Vec<String>,
}

impl Diff<'_> {
    fn of(server: &Server) -> Result<Diff<'_>> {
        let delta = PgDelta { node: setup::require(Tool::Node)?, script: setup::require(Tool::PgDelta)? };
        Ok(Diff { server, delta, squawk: setup::require(Tool::Squawk)?, back: Vec::new() })
    }

    /// An empty database, or a copy of one.
    fn make(&self, name: &str, of: Option<&str>) -> Result<()> {
        self.server.drop_database(name)?;
        match of {
            Some(of) => self.server.copy_database(name, of),
            None => self.server.create_database(name),
        }
    }

    fn script(&self, database: &str, sql: &str) -> Result<String> {
        psql::script(self.server.program(), &self.server.owner_url(database), sql)
    }

    /// A database with the schema of the raw one as it is read from a dump: PostgreSQL writes some expressions otherwise once they
    /// were loaded from what it has written.
    fn load_anew(&self, name: &str) -> Result<()> {
        let schema = pg_dump::schema(self.server.program(), &self.server.owner_url(RAW))?;
        self.make(name, None)?;
        self.script(name, &schema).map(drop)
    }

    fn plan(&self, from: &str, to: &str, renames: &[String]) -> Result<Plan> {
        self.delta.plan(&self.server.owner_url(from), &self.server.owner_url(to), renames)
    }

    fn catalogue(&self, database: &str) -> Result<String> {
        catalogue::of(self.server.program(), &self.server.owner_url(database))
    }

    /// As migrations that lead there and back.
    fn proved(&self, actions: &[Action], wish: &Wish) -> Result<Vec<Migration>> {
        let unused_since = self.unused_since(actions, wish)?;
        let files = split::files(actions, self, &unused_since)?;
        self.make(BEFORE, Some(HAS))?;
        self.make(AFTER, Some(HAS))?;
        let mut migrations = Vec::new();
        for file in files {
            migrations.push(self.both_ways(file)?);
        }
        self.must_equal(WISHED, "the migrations do not lead to the wished schema")?;
        for migration in migrations.iter().rev() {
            self.apply(AFTER, &migration.down)?;
        }
        self.must_equal(HAS, "the ways back do not lead to the schema from before")?;
        Ok(migrations)
    }

    /// The first line of what takes away.
    fn unused_since(&self, actions: &[Action], wish: &Wish) -> Result<String> {
        let takes = split::takes_away(actions, self)?;
        match &wish.unused_since {
            Some(commit) => Ok(format!("-- contract: unused since {commit}")),
            None if takes.is_empty() => Ok(String::new()),
            None => Err(refuse(format!(
                "this does more than add, and the release before may use what it takes away:\n    {}\n  From which commit on does \
                 nothing use that? `--unused-since COMMIT`; or wish first only for what adds, and for this one deploy later. \
                 Nothing was written.",
                takes.join(";\n    ")
            ))),
        }
    }

    /// Runs a file, and has its way back by comparing what is after it with what was before.
    fn both_ways(&self, File { suffix, up, down }: File) -> Result<Migration> {
        self.apply(AFTER, &up).with_context(|| format!("this does not run:\n{up}"))?;
        let down = match down {
            Down::Known(down) => down,
            Down::Compared => {
                let actions = without_noise(self.plan_back()?.actions);
                let statements = actions.iter().map(|it| it.sql.trim().trim_end_matches(';').to_owned());
                let rights = rights_on_columns(&actions, &self.catalogue(BEFORE)?);
                statements.chain(rights).map(|statement| format!("{statement};\n")).collect()
            }
        };
        self.apply(BEFORE, &up)?;
        let declares = Declares::parse(&up)?;
        if let Some(wrong) = violations(&self.squawk, &declares, &up)?.first() {
            bail!("what was written is not what it declares, line {}: {}\n{up}", wrong.line, wrong.why);
        }
        Ok(Migration { suffix, up, down })
    }

    /// From after a file to what was before it. What got another name gets the one from before.
    fn plan_back(&self) -> Result<Plan> {
        let plan = self.plan(AFTER, BEFORE, &[])?;
        let words = plan.rename_candidates.iter().map(|it| format!("{}={}", it.from, it.to));
        let meant: Vec<String> = words.filter(|it| self.back.contains(it)).collect();
        if meant.is_empty() { Ok(plan) } else { self.plan(AFTER, BEFORE, &meant) }
    }

    fn apply(&self, database: &str, sql: &str) -> Result<()> {
        let sql =
            if sql.starts_with(NO_TRANSACTION) { sql.to_owned() } else { format!("BEGIN;\n{sql}COMMIT;\n") };
        self.script(database, &sql).map(drop)
    }

    fn must_equal(&self, other: &str, why_not: &str) -> Result<()> {
        let differences =
            Differences::between(&self.catalogue(other)?, &self.catalogue(AFTER)?, is_of_migrations);
        if differences.is_empty() {
            return Ok(());
        }
        bail!("{why_not}, and so none was written:\n    {}", differences.lines().join("\n    "))
    }
}

impl Reader for Diff<'_> {
    fn parse(&self, sql: &str) -> Result<Parsed> {
        syntax::parse(&self.squawk, sql)
    }

    fn refused(&self, statements: &[String]) -> Result<BTreeSet<usize>> {
        let (mut text, mut starts) = ("-- expand\n".to_owned(), Vec::new());
        for statement in statements {
            starts.push(text.lines().count() + 1);
            text += &format!("{statement};\n");
        }
        let found = violations(&self.squawk, &Declares::Expand, &text)?;
        let place = |line: usize| starts.iter().rposition(|start| *start <= line);
        Ok(found.iter().filter_map(|it| place(it.line)).collect())
    }
}
