//! Quoting for a POSIX sh: every command line for a remote shell is made here and nowhere else. This file imports
//! nothing, so that the lab suite can try the very same lines with the shell of a host.

#[cfg(test)]
pub mod samples;

/// Words as one line, of which a shell makes the same words again.
pub fn line(words: &[&str]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// One word. Between single quotes nothing but a single quote has a meaning (POSIX, Shell Command Language, 2.2.2).
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
