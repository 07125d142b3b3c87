//! `cargo xtask --help`: the verbs in groups. clap knows one list of commands only, so the groups are part of its template.

use std::fmt::Write as _;

use clap::Command;

/// A heading, and the verbs below it.
pub type Group = (&'static str, &'static [&'static str]);

/// clap's usual template, with the verbs in these groups in place of its list. A verb that no group names is not shown.
pub fn template(command: &Command, groups: &[Group]) -> String {
    let styles = command.get_styles();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let width = command.get_subcommands().map(|verb| verb.get_name().len()).max().unwrap_or(0);
    let mut template = "{about-with-newline}\n{usage-heading} {usage}\n".to_owned();
    for (heading, verbs) in groups {
        let _ = writeln!(template, "\n{header}{heading}:{header:#}");
        for verb in verbs.iter().filter_map(|name| command.find_subcommand(name)) {
            let (name, about) = (verb.get_name(), verb.get_about().cloned().unwrap_or_default());
            let _ = writeln!(template, "  {literal}{name:<width$}{literal:#}  {about}");
        }
    }
    let _ = write!(template, "\n{header}Options:{header:#}\n{{options}}");
    template
}
