//! The runbook, as a drill reads it: of each page the heading, the commands of its first block, and what the last of them
//! prints when all is well.

/// In front of what the last command prints.
const WELL: &str = "All is well when the last command prints `";

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its heading.
    pub heading: String,
    /// The first line below it.
    pub begins: String,
    /// The commands of its first block, each as its words.
    pub commands: Vec<Vec<String>>,
    /// What a shell would make of the block otherwise than a drill does.
    pub unread: Option<String>,
    /// What the last of them prints when all is well.
    pub well: Option<String>,
}

/// All pages of the runbook.
pub fn pages(runbook: &str) -> Vec<Page> {
    runbook.split("\n## ").skip(1).map(page).collect()
}

fn page(text: &str) -> Page {
    let (heading, body) = text.split_once('\n').unwrap_or((text, ""));
    let block = body.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("```"));
    let well = body.replace('\n', " ");
    let well = well.split_once(WELL).and_then(|(_, rest)| rest.split_once('`'));
    let (commands, unread) = commands(block.map_or("", |(block, _)| block));
    Page {
        heading: heading.to_owned(),
        begins: body.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned(),
        commands,
        unread,
        well: well.map(|(words, _)| words.to_owned()),
    }
}

/// The words of each line of a block, as a shell reads them: with quotes, comments, and lines that go on in the next one. And what a
/// shell would read otherwise.
fn commands(block: &str) -> (Vec<Vec<String>>, Option<String>) {
    let (mut lines, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let (mut quote, mut unread) = (None, None);
    let mut chars = block.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(end), c) if c == end => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '\\') if chars.peek() == Some(&'\n') => drop(chars.next()),
            (None, '#') if word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            (None, ' ' | '\n') => {
                words.extend(word.take());
                if c == '\n' && !words.is_empty() {
                    lines.push(std::mem::take(&mut words));
                }
            }
            (None, c) => {
                if "|&;<>()$`*?\\".contains(c) {
                    unread = Some(format!("a `{c}` that is in no quotes"));
                }
                word.get_or_insert_default().push(c);
            }
        }
    }
    if let Some(quote) = quote {
        unread = Some(format!("a quote ({quote}) that has no end"));
    }
    words.extend(word);
    if !words.is_empty() {
        lines.push(words);
    }
    (lines, unread)
}

/// The part of an address behind `#` that leads to a heading, as GitHub makes it.
pub fn anchor(heading: &str) -> String {
    let kept = heading.to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_as_a_person_reads_it() {
        let text = "# Runbook\n\nWords.\n\n## It is down\n\n**Start it.** Now.\n\n```sh\n# A comment.\n\
                    cargo xtask db shell --env production -- --command \\\n    \"DELETE FROM a\n WHERE b = 'c # d'\"  # e\n\
                    cargo xtask status\n```\nAll is well when the last\ncommand prints `it serves`.\n\n\
                    ```sh\ncargo xtask other\n```\n\n## More\nNo command.\n";
        let pages = pages(text);
        assert_eq!(
            pages.iter().map(|page| page.heading.as_str()).collect::<Vec<_>>(),
            ["It is down", "More"]
        );
        let sql = "DELETE FROM a\n WHERE b = 'c # d'";
        let shell = ["cargo", "xtask", "db", "shell", "--env", "production", "--", "--command", sql];
        assert_eq!(pages[0].commands, [shell.as_slice(), &["cargo", "xtask", "status"]]);
        assert_eq!(pages[0].well.as_deref(), Some("it serves"));
        assert_eq!(pages[0].begins, "**Start it.** Now.");
        assert_eq!((pages[1].commands.len(), &pages[1].well), (0, &None));
    }

    #[test]
    fn what_only_a_shell_understands_is_no_command() {
        let (lines, unread) = commands("cargo xtask status\ncargo xtask db shell -- 'DELETE\n");
        assert_eq!((lines.len(), unread.as_deref()), (2, Some("a quote (') that has no end")));
        let (_, unread) = commands("cargo xtask status | tail\n");
        assert_eq!(unread.as_deref(), Some("a `|` that is in no quotes"));
        assert_eq!(commands("cargo xtask status").0, [["cargo", "xtask", "status"]]);
    }

    #[test]
    fn a_heading_has_the_anchor_that_github_gives_it() {
        assert_eq!(anchor("The driver died (closed laptop)"), "the-driver-died-closed-laptop");
        assert_eq!(anchor("The host's clock, 'wrong'"), "the-hosts-clock-wrong");
    }
}
