//! The values in an environment's encrypted file.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{IsTerminal as _, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::{Context as _, Result};
use camino::Utf8Path;
use clap::Args;
use xshell::cmd;

use crate::commands::output::near::did_you_mean;
use crate::commands::target::TargetArgs;
use crate::exit::{Exit, Failure, refuse};
use crate::product::secrets::recipients::Recipients;
use crate::product::secrets::table::{self, Row};
use crate::product::secrets::{self, OpenFile, SecretFile, departed};
use crate::project::{Environment, Form, is_secret_variable};
use crate::terminal;
use crate::tools::files::hex::hex;
use crate::tools::files::private;
use crate::tools::files::random::random;
use crate::tools::process::{Run, shell};
use crate::tools::sops;

/// Give one a value.
#[derive(Debug, Args)]
pub struct Set {
    #[command(flatten)]
    target: TargetArgs,
    /// The variable, as `secrets check` has it
    name: String,
    /// Make a random value of 32 bytes, in hexadecimal
    #[arg(long, conflicts_with = "remove")]
    generate: bool,
    /// Take it out of the file
    #[arg(long)]
    remove: bool,
}

/// Change the file in the editor that `EDITOR` names.
#[derive(Debug, Args)]
pub struct Edit {
    #[command(flatten)]
    target: TargetArgs,
}

/// Show one value.
#[derive(Debug, Args)]
pub struct Show {
    #[command(flatten)]
    target: TargetArgs,
    /// The variable, as `secrets check` has it
    name: String,
}

/// Run a command with the secrets in files: `SECRETS_FOLDER` names their folder, which lies in memory and goes with it.
#[derive(Debug, Args)]
pub struct RunWith {
    #[command(flatten)]
    target: TargetArgs,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

impl Set {
    /// Writes the file whole, or not at all.
    pub fn run(self) -> Result<()> {
        let environment = self.target.environment();
        // Before a value is asked for.
        let row = self.row(environment)?;
        let _lock = secrets::lock(environment)?;
        let file = open_or_new(environment)?;
        let value = match (self.remove, self.generate) {
            (true, _) => None,
            (_, true) => Some(of_form(&row, hex(&random::<32>()?))?),
            _ => Some(given(environment, &row)?),
        };
        change(environment, &file, &[(&row.name, value.as_deref())])?;
        let (name, path) = (&row.name, secrets::path(environment));
        let done = if self.remove { "is no longer in" } else { "has a new value in" };
        terminal::say(format_args!("{name} {done} {path}: commit it. Next: {}", row.rotation));
        Ok(())
    }

    fn row(&self, environment: &Environment) -> Result<Row> {
        match row(environment, &self.name) {
            // What nobody reads any more can be taken out.
            Err(_)
                if self.remove
                    && encrypted(environment)?
                        .is_some_and(|file| file.sealed.names().any(|it| it == self.name)) =>
            {
                let any = table::rows(environment).remove(0);
                Ok(Row { name: self.name.clone(), rotation: "nobody read it", ..any })
            }
            found => found,
        }
    }
}

impl Edit {
    /// What the editor left is read back, and only what differs is encrypted anew.
    pub fn run(self) -> Result<()> {
        let environment = self.target.environment();
        let _lock = secrets::lock(environment)?;
        let file = open_or_new(environment)?;
        let before = file.values()?;
        let folder = private::Folder::in_memory()?;
        let plain = folder.join(&format!("{}.env", environment.name));
        write_private(&plain, &as_text(&before))?;
        let editor = std::env::var("EDITOR").ok().filter(|editor| !editor.trim().is_empty());
        let editor = editor.unwrap_or_else(|| "vi".to_owned());
        let mut words = editor.split_whitespace();
        let program = words.next().unwrap_or("vi");
        let arguments: Vec<&str> = words.chain(keeps_nothing(program).iter().copied()).collect();
        // What it may keep of a file beside it, it keeps in the folder that goes.
        let sh = crate::tools::process::shell_in(folder.path().as_std_path());
        let ended = Run::new(cmd!(sh, "{program} {arguments...} {plain}")).interactive()?;
        if !ended.success() {
            return Err(refuse(format!("{program} did not end well: nothing was changed")));
        }
        let text = fs::read_to_string(&plain)
            .map_err(|error| refuse(format!("what was written can't be read: {error}")))?;
        let after = of_text(&text, &before, &table::rows(environment))?;
        let gone = before
            .iter()
            .filter(|(name, _)| !after.contains_key(name))
            .map(|(name, _)| (name.as_str(), None));
        let other =
            after.iter().filter(|(name, value)| !before.contains(&((*name).clone(), (*value).clone())));
        let changes: Vec<_> =
            other.map(|(name, value)| (name.as_str(), Some(value.as_str()))).chain(gone).collect();
        if changes.is_empty() {
            terminal::say("Nothing was changed.");
            return Ok(());
        }
        change(environment, &file, &changes)?;
        let names: Vec<&str> = changes.iter().map(|(name, _)| *name).collect();
        terminal::say(format_args!(
            "Changed: {}, in {}: commit it.",
            names.join(", "),
            secrets::path(environment)
        ));
        Ok(())
    }
}

/// Arguments by which an editor keeps nothing of a file elsewhere: vim writes what was yanked or deleted into `~/.viminfo`, and may be
/// told to keep swap, undo and backup files in a folder of its own. Whichever is called `vi`, its file's own name says what it is.
fn keeps_nothing(program: &str) -> &'static [&'static str] {
    let is_vim = which::which(program).ok().and_then(|path| path.canonicalize().ok()).is_some_and(|path| {
        path.file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| name.starts_with("vim") || name == "nvim")
    });
    if is_vim { &["-n", "-i", "NONE", "-c", "set noundofile nobackup nowritebackup"] } else { &[] }
}

impl Show {
    /// Not into a pipe or a file, where it would lie.
    pub fn run(self) -> Result<()> {
        let environment = self.target.environment();
        if !std::io::stdout().is_terminal() {
            return Err(refuse(
                "a secret is shown on a terminal only; a program gets it by `cargo xtask secrets run`",
            ));
        }
        let file = encrypted(environment)?
            .ok_or_else(|| refuse(format!("{} has no encrypted file", environment.name)))?;
        let values = file.open()?.values()?;
        match values.iter().find(|(name, _)| *name == self.name) {
            Some((_, value)) => terminal::say(value),
            None => {
                let names = values.iter().map(|(name, _)| name.as_str());
                return Err(refuse(format!(
                    "the file has no {}.{}",
                    self.name,
                    did_you_mean(&self.name, names)
                )));
            }
        }
        Ok(())
    }
}

impl RunWith {
    /// Fails when the command does, and says its exit code.
    pub fn run(self) -> Result<()> {
        let environment = self.target.environment();
        let file = encrypted(environment)?
            .ok_or_else(|| refuse(format!("{} has no encrypted file", environment.name)))?;
        let folder = private::Folder::in_memory()?;
        for (name, value) in file.open()?.values()? {
            write_private(&folder.join(&name), &value)?;
        }
        let [program, arguments @ ..] = self.command.as_slice() else {
            return Err(refuse("no command was given"));
        };
        let sh = shell();
        let run = cmd!(sh, "{program} {arguments...}").env("SECRETS_FOLDER", folder.path());
        match Run::new(run).interactive()?.code() {
            Some(0) => Ok(()),
            Some(code) => {
                Err(Failure { exit: Exit::Failed, message: format!("{program} ended with exit code {code}") }
                    .into())
            }
            None => Err(Failure { exit: Exit::Failed, message: format!("{program} was killed") }.into()),
        }
    }
}

/// A value of the row's form: asked for without an echo, or all of standard input; the one line end that `echo` adds is not part
/// of it.
pub(super) fn given(environment: &Environment, row: &Row) -> Result<String> {
    match terminal::ask_secret(&format!("{} for {}", row.name, environment.name)) {
        Some(asked) => of_form(row, asked.context("reading the value")?),
        None => of_form(row, piped(row)?),
    }
}

fn of_form(row: &Row, value: String) -> Result<String> {
    match row.form.problem(&value) {
        Some(why) => Err(refuse(format!("{}: {why}. Nothing was changed.", row.name))),
        None => Ok(value),
    }
}

fn piped(row: &Row) -> Result<String> {
    let mut bytes = Vec::new();
    let most = u64::try_from(sops::MAX_VALUE).unwrap_or(u64::MAX) + 2;
    std::io::stdin().take(most).read_to_end(&mut bytes).context("reading the value from standard input")?;
    let text = String::from_utf8(bytes)
        .map_err(|_| refuse(format!("{}: the value is no text (UTF-8). Nothing was changed.", row.name)))?;
    match row.form {
        // ssh wants the last line's end.
        Form::Pem => Ok(text),
        _ => Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned()),
    }
}

/// What the environment may be given by this name.
pub(super) fn row(environment: &Environment, name: &str) -> Result<Row> {
    let rows = table::rows(environment);
    let names = rows.iter().map(|row| row.name.as_str());
    let unknown = refuse(format!("nobody reads a variable {name}.{}", did_you_mean(name, names)));
    rows.iter().find(|row| row.name == name).cloned().ok_or(unknown)
}

/// The environment's file. On this machine nobody is given anything.
pub(super) fn encrypted(environment: &Environment) -> Result<Option<SecretFile>> {
    super::refuse_here(environment)?;
    secrets::find(environment)
}

fn open_or_new(environment: &Environment) -> Result<OpenFile> {
    match encrypted(environment)? {
        Some(file) => file.open(),
        None => OpenFile::new(secrets::path(environment), &Recipients::of(environment)?),
    }
}

/// Writes the file, then says in the list of recipients what nobody who has left knows any more.
pub fn change(environment: &Environment, file: &OpenFile, changes: &[(&str, Option<&str>)]) -> Result<()> {
    let before: BTreeMap<String, String> = file.values()?.into_iter().collect();
    let is_other = |(name, value): &&(&str, Option<&str>)| before.get(*name).map(String::as_str) != *value;
    let changed: Vec<&str> = changes.iter().filter(is_other).map(|(name, _)| *name).collect();
    let new = changes.iter().filter(|it| is_secret_variable(it.0) && changed.contains(&it.0));
    let new: Vec<(&str, &str)> = new.filter_map(|(name, value)| Some((*name, (*value)?))).collect();
    if let Some((name, who)) = departed::known_to(environment, &new)?.first() {
        return Err(refuse(format!(
            "{name}: {who} knows this value: it stood in the file while {who} could read it. Take another one. Nothing was changed."
        )));
    }
    file.change(changes)?;
    are_other_now(environment, &changed)
}

/// Notes in the list of recipients that who has left knows these no more.
pub(super) fn are_other_now(environment: &Environment, names: &[&str]) -> Result<()> {
    let mut recipients = Recipients::of(environment)?;
    if recipients.due().is_empty() {
        return Ok(());
    }
    recipients.changed(names);
    recipients.write(environment)
}

fn write_private(path: &Utf8Path, text: &str) -> Result<()> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    made.and_then(|mut file| file.write_all(text.as_bytes())).with_context(|| format!("writing {path}"))
}

/// As an editor shows it: a line a value, `\n` for the end of a line within one.
fn as_text(values: &[(String, String)]) -> String {
    values.iter().map(|(name, value)| format!("{name}={}\n", value.replace('\n', "\\n"))).collect()
}

/// What is as it was `before` is taken as it is: what is wrong with it stands in nobody's way.
fn of_text(text: &str, before: &[(String, String)], rows: &[Row]) -> Result<BTreeMap<String, String>> {
    let mut values = BTreeMap::new();
    for (number, line) in
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'))
    {
        let wrong = |why: &str| refuse(format!("line {}: {why}. Nothing was changed.", number + 1));
        let (name, value) = line.split_once('=').ok_or_else(|| wrong("it has no '='"))?;
        let value = value.replace("\\n", "\n");
        let is_new = before.iter().all(|it| (it.0.as_str(), it.1.as_str()) != (name, value.as_str()));
        if is_new {
            sops::check(name, &value).map_err(|why| wrong(&format!("{why:#}")))?;
            let names = rows.iter().map(|row| row.name.as_str());
            let row = rows.iter().find(|row| row.name == name).ok_or_else(|| {
                wrong(&format!("nobody reads a variable {name}.{}", did_you_mean(name, names)))
            })?;
            if let Some(why) = row.form.problem(&value) {
                return Err(wrong(&format!("{name}: {why}")));
            }
        }
        if values.insert(name.to_owned(), value).is_some() {
            return Err(wrong(&format!("{name} stands here twice")));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn of_what_the_editor_left_only_what_is_new_must_have_its_form() {
        let rows = table::rows(&Environment::named("staging").unwrap());
        let wrong = ("SENTRY_DSN".to_owned(), "no address".to_owned());
        let before = [wrong.clone(), ("NOBODY_READS".to_owned(), "it".to_owned())];
        let text = as_text(&before);
        let after = of_text(&format!("{text}JWT_SECRET=new"), &before, &rows).unwrap();
        assert!(after.len() == 3 && after["SENTRY_DSN"] == wrong.1, "{after:?}");
        for line in ["SENTRY_DSN=another one", "NOBODY_READS=that", "JWT_SECRET="] {
            let (name, _) = line.split_once('=').unwrap();
            let kept: String =
                text.lines().filter(|it| !it.starts_with(name)).map(|it| format!("{it}\n")).collect();
            let error = of_text(&(kept + line), &before, &rows).unwrap_err().to_string();
            assert!(error.contains(name) && !error.contains("another one"), "{error}");
        }
    }

    #[test]
    fn vim_keeps_nothing_elsewhere_by_whatever_name_it_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(folder.path()).unwrap();
        for (file, name, is_vim) in [("vim.basic", "vi", true), ("nano", "pico", false), ("nvi", "ex", false)]
        {
            let [file, name] = [file, name].map(|it| folder.join(it));
            fs::write(&file, "").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
            std::os::unix::fs::symlink(&file, &name).unwrap();
            assert_eq!(keeps_nothing(name.as_str()).contains(&"NONE"), is_vim, "{file}");
        }
    }
}
