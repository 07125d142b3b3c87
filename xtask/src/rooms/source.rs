//! Rust as far as the test of the rooms must read it: which paths a file names, and which texts it holds. Comments are
//! left out.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

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

/// The pieces of a source file, as the compiler has them. Numbers and characters say nothing here, and are left out, as is what
/// documents.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    flatten(source.parse().expect("Rust that compiles"), &mut tokens);
    tokens
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let mut trees = stream.into_iter();
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        let mut push = |kind, line| tokens.push(Token { kind, line });
        match tree {
            TokenTree::Ident(name) => push(Kind::Word(name.to_string()), line),
            TokenTree::Literal(literal) => {
                text(&literal.to_string()).into_iter().for_each(|text| push(text, line))
            }
            TokenTree::Punct(sign) if sign.as_char() == ':' && sign.spacing() == Spacing::Joint => {
                trees.next();
                push(Kind::PathSeparator, line);
            }
            TokenTree::Punct(sign) => push(Kind::Sign(sign.as_char()), line),
            TokenTree::Group(group) if documents(&group) => {
                while tokens.last().is_some_and(|last| last.is_sign('#') || last.is_sign('!')) {
                    tokens.pop();
                }
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ('(', ')'),
                    Delimiter::Brace => ('{', '}'),
                    Delimiter::Bracket => ('[', ']'),
                    Delimiter::None => unreachable!("only a macro makes one"),
                };
                push(Kind::Sign(open), line);
                flatten(group.stream(), tokens);
                tokens.push(Token { kind: Kind::Sign(close), line: group.span_close().start().line });
            }
        }
    }
}

/// Whether it is what `/// …` becomes, behind a `#`: `[doc = "…"]`.
fn documents(group: &Group) -> bool {
    let first = group.stream().into_iter().next();
    matches!(first, Some(TokenTree::Ident(name)) if name == "doc") && group.delimiter() == Delimiter::Bracket
}

/// What stands between its quotes, when it is a string of any kind.
fn text(literal: &str) -> Option<Kind> {
    let is_string = !literal.starts_with('\'') && !literal.starts_with("b'") && literal.contains('"');
    let quotes = literal.find('"').zip(literal.rfind('"')).filter(|_| is_string);
    quotes.map(|(open, close)| Kind::Text(literal[open + 1..close].to_owned()))
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
