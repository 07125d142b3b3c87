//! What leads to the new machine: the operator's variables, and the name.

use anyhow::Result;

use crate::commands::target::access::Access;
use crate::host::NameTrouble;
use crate::product::secrets;
use crate::project::Environment;
use crate::terminal::{self, paint};

/// What was changed so that the next command finds the new machine, and what is left to a person.
pub struct Told {
    /// Variables to set, `NAME=value` each: of those that are not in the encrypted file.
    pub variables: Vec<String>,
    /// What of DNS is to be changed; nothing where users come by another way.
    pub dns: Option<String>,
    in_file: Vec<String>,
}

/// The encrypted file leads to the new machine from here on, where it has led to the old one. What the operator's own environment
/// says wins, and is said.
pub fn lead_there(mine: &Access, there: &Access, environment: &Environment) -> Result<Told> {
    let (prefix, to) = (there.prefix, &there.destination);
    let wanted = [
        ("HOST", Some(to.host.clone())),
        ("PORT", to.port.map(|port| port.to_string())),
        ("HOST_KEY", Some(to.host_keys.to_string())),
        ("URL", (there.site.url != mine.site.url).then(|| there.site.url.clone())),
    ];
    let (mut variables, mut in_file) = (Vec::new(), Vec::new());
    let lock = secrets::lock(environment)?;
    let file = secrets::find(environment)?.map(secrets::SecretFile::open).transpose()?;
    for (name, value) in wanted {
        let variable = format!("{prefix}_{name}");
        let known = file.as_ref().map(secrets::OpenFile::values).transpose()?;
        let is_in_file = known.is_some_and(|values| values.iter().any(|(name, _)| *name == variable));
        let is_set = std::env::var(&variable).is_ok_and(|value| !value.trim().is_empty());
        let is_port = name == "PORT";
        if let Some(file) = file.as_ref().filter(|_| is_in_file)
            && (value.is_some() || is_port)
        {
            file.change(&[(&variable, value.as_deref())])?;
            in_file.push(variable.clone());
        }
        match value {
            Some(value) if is_set || !is_in_file => variables.push(format!("{variable}='{value}'")),
            None if is_set && is_port => variables.push(format!("{variable}=")),
            _ => {}
        }
    }
    drop(lock);
    let dns = there.site.name().and_then(|name| match there.site.name_trouble() {
        Some(NameTrouble::Elsewhere(words) | NameTrouble::MaybeElsewhere(words)) => {
            let (from, to) =
                (super::address_of(&mine.destination.host), super::address_of(&there.destination.host));
            let (from, to) = (from.unwrap_or_default(), to.unwrap_or_default());
            let kind = if to.contains(':') { "AAAA" } else { "A" };
            Some(format!("change the record {kind} of {name} from {from} to {to} ({words})"))
        }
        // It leads there already.
        Some(NameTrouble::Forbidden(_)) | None => None,
    });
    Ok(Told { variables, dns, in_file })
}

impl Told {
    /// To people, who do the rest.
    pub fn say(&self, environment: &str, hands_on: bool) {
        if !self.in_file.is_empty() {
            terminal::say(format_args!(
                "The encrypted file leads there now ({}): commit it.",
                self.in_file.join(", ")
            ));
        }
        if !self.variables.is_empty() {
            terminal::say(
                "Set, here and in the workflows' secrets, or the next command reaches the old machine, which refuses it:",
            );
            self.variables.iter().for_each(|line| terminal::say(format_args!("  {}", paint::strong(line))));
        }
        if let Some(dns) = &self.dns {
            terminal::say(format_args!(
                "DNS: {dns}. Who has asked before finds the old machine until the record's TTL is over."
            ));
        }
        let old = match hands_on {
            true => "The old machine hands on whoever comes to it",
            false => "The old machine does not find the new one, and answers 503",
        };
        terminal::say(format_args!(
            "{old}, until `cargo xtask host move --env {environment} --forget-old`: not before the name has led there for a TTL."
        ));
    }
}
