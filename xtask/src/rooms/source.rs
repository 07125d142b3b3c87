//! Rust as far as the test of the rooms must read it: which paths a file names, and which texts it holds. Comments are
//! left out.

/// A piece of a source file, with the line that it begins on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub line: usize,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword.
    Word(String),
    /// `::`
    PathSeparator,
    /// Any other sign.
    Sign(char),
    /// What stands between the quotes of a string.
    Text(String),
}

impl Token {
    /// Whether it is this sign.
    pub fn is_sign(&self, sign: char) -> bool {
        self.kind == Kind::Sign(sign)
    }

    /// The name, if it is one.
    pub fn word(&self) -> Option<&str> {
        match &self.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// The pieces of a source file. Numbers, characters and lifetimes say nothing here, and are left out.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader { rest: source, line: 1, tokens: Vec::new() };
    while !reader.rest.is_empty() {
        reader.read();
    }
    reader.tokens
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    tokens: Vec<Token>,
}

impl Reader<'_> {
    fn read(&mut self) {
        let Some(first) = self.rest.chars().next() else { return };
        if self.rest.starts_with("//") {
            self.skip(self.rest.find('\n').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("/*") {
            self.skip(end_of_comment(self.rest));
        } else if let Some((start, end, whole)) = quoted(self.rest) {
            let text = self.rest[start..end].to_owned();
            self.push(Kind::Text(text));
            self.skip(whole);
        } else if first == '\'' {
            self.skip(end_of_character(self.rest));
        } else if first.is_alphabetic() || first == '_' {
            let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
            let word = self.rest[..end].to_owned();
            self.push(Kind::Word(word));
            self.skip(end);
        } else if first.is_ascii_digit() {
            self.skip(self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len()));
        } else if self.rest.starts_with("::") {
            self.push(Kind::PathSeparator);
            self.skip(2);
        } else {
            if !first.is_whitespace() {
                self.push(Kind::Sign(first));
            }
            self.skip(first.len_utf8());
        }
    }

    fn push(&mut self, kind: Kind) {
        self.tokens.push(Token { kind, line: self.line });
    }

    fn skip(&mut self, bytes: usize) {
        let (skipped, rest) = self.rest.split_at(bytes);
        self.line += skipped.matches('\n').count();
        self.rest = rest;
    }
}

/// Where a comment that may hold others ends.
fn end_of_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Where the text of a string begins and ends, and where the string itself does: `"…"`, `r#"…"#`, `b"…"`, `c"…"`.
fn quoted(text: &str) -> Option<(usize, usize, usize)> {
    let prefix = text.find(|c: char| !matches!(c, 'r' | 'b' | 'c')).unwrap_or(text.len());
    let hashes = text[prefix..].len() - text[prefix..].trim_start_matches('#').len();
    let is_raw = text[..prefix].contains('r');
    if prefix > 2 || (hashes > 0 && !is_raw) || !text[prefix + hashes..].starts_with('"') {
        return None;
    }
    let start = prefix + hashes + 1;
    let closing = format!("\"{}", "#".repeat(hashes));
    let end =
        if is_raw { start + text[start..].find(&closing)? } else { start + end_of_plain(&text[start..])? };
    Some((start, end, end + closing.len()))
}

/// Where the closing quote of a string is, in which a backslash takes away the meaning of what follows.
fn end_of_plain(text: &str) -> Option<usize> {
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => drop(characters.next()),
            '"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// The length of a character or of a lifetime.
fn end_of_character(text: &str) -> usize {
    let inner = &text[1..];
    if inner.starts_with('\\') {
        // The escaped sign may itself be a quote.
        return 3 + inner[2..].find('\'').map_or(0, |at| at + 1);
    }
    let first = inner.chars().next().map_or(0, char::len_utf8);
    if inner[first..].starts_with('\'') { first + 2 } else { 1 }
}

#[test]
fn comments_and_texts_are_told_from_code() {
    let source = r###"// crate::not_me
/* nor /* me */ */ use crate::a; 'x: loop { let c = '"'; let d = '\''; }
let s = "say \"crate::b\""; let r = r#"a "quoted" one"#; b"bytes"; 0b1 + r2;"###;
    let texts: Vec<_> = tokens(source)
        .into_iter()
        .filter_map(|token| match token.kind {
            Kind::Text(text) => Some((text, token.line)),
            _ => None,
        })
        .collect();
    let text = |text: &str, line| (text.to_owned(), line);
    assert_eq!(texts, [text("say \\\"crate::b\\\"", 3), text("a \"quoted\" one", 3), text("bytes", 3)]);
    let words: Vec<_> = tokens(source).iter().filter_map(|token| token.word().map(str::to_owned)).collect();
    assert_eq!(
        words,
        ["use", "crate", "a", "x", "loop", "let", "c", "let", "d", "let", "s", "let", "r", "r2"]
    );
}
