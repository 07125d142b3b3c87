//! ScriptCall for a POSIX sh: what a remote shell is given is made here and nowhere else. This file stands by itself, so that
//! the lab's suite can try the very same lines with the sh of a host.

/// ScriptCall as one line, each arriving as it is.
pub fn line(words: &[&str]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// One word. Between single quotes nothing but a single quote means anything (POSIX, Shell Command Language, 2.2.2).
pub fn quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
