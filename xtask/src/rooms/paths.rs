//! Which modules a file names: in `use`, and by paths in code, through what it imported and what others re-export.

use std::collections::BTreeMap;

use super::source::{Kind, Token};

/// A path that a file names, from the crate's root: `tools::process::Run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub path: Vec<String>,
    pub line: usize,
    /// Whether only tests see it.
    pub in_test: bool,
}

/// What a file says.
#[derive(Debug, Default)]
pub struct Names {
    /// What it names.
    pub named: Vec<Named>,
    /// What its own names stand for, by `use`: also for its children, which may name it through `super`.
    pub imports: BTreeMap<String, Vec<String>>,
    /// The files that are its children and that only tests see.
    pub test_children: Vec<String>,
}

/// Reads the file of the module at `module`.
pub fn read(tokens: &[Token], module: &[String], children: &[String]) -> Names {
    let mut reader = Reader {
        tokens,
        at: 0,
        inside: vec![Scope { module: module.to_vec(), depth: 0, in_test: false }],
        depth: 0,
        next_is_test: false,
        children,
        paths: Vec::new(),
        names: Names::default(),
    };
    while reader.at < tokens.len() {
        reader.step();
    }
    reader.resolve()
}

/// The file itself, or a module written out in it.
struct Scope {
    module: Vec<String>,
    depth: usize,
    in_test: bool,
}

struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    inside: Vec<Scope>,
    depth: usize,
    next_is_test: bool,
    children: &'a [String],
    /// Paths in code, which are understood when all imports are known.
    paths: Vec<Named>,
    names: Names,
}

impl Reader<'_> {
    fn step(&mut self) {
        let token = &self.tokens[self.at];
        match &token.kind {
            Kind::Sign('#') => self.attribute(),
            Kind::Sign('{') => self.depth += 1,
            Kind::Sign('}') => {
                self.depth = self.depth.saturating_sub(1);
                if self.inside.len() > 1 && self.scope().depth == self.depth {
                    self.inside.pop();
                }
            }
            // `impl Trait + use<'a>` imports nothing.
            Kind::Word(word) if word == "use" && !self.tokens[self.at + 1].is_sign('<') => {
                return self.import();
            }
            Kind::Word(word) if word == "mod" => self.module(),
            Kind::Word(_) if self.is_path() => return self.path(),
            _ => {}
        }
        if matches!(&token.kind, Kind::Sign(';' | '{')) {
            self.next_is_test = false;
        }
        self.at += 1;
    }

    fn scope(&self) -> &Scope {
        self.inside.last().expect("the file itself")
    }

    fn attribute(&mut self) {
        let said: Vec<&str> = self.tokens[self.at..].iter().take(5).filter_map(Token::word).collect();
        self.next_is_test |= matches!(said.as_slice(), ["cfg", "test", ..] | ["test", ..]);
    }

    /// `mod name;` or `mod name {`
    fn module(&mut self) {
        let (Some(name), Some(sign)) =
            (self.tokens.get(self.at + 1).and_then(Token::word), self.tokens.get(self.at + 2))
        else {
            return;
        };
        if sign.is_sign('{') {
            let mut module = self.scope().module.clone();
            module.push(name.to_owned());
            let in_test = self.next_is_test || self.scope().in_test;
            self.inside.push(Scope { module, depth: self.depth, in_test });
        } else if self.next_is_test {
            self.names.test_children.push(name.to_owned());
        }
    }

    fn is_path(&self) -> bool {
        let begins = self.at == 0 || self.tokens[self.at - 1].kind != Kind::PathSeparator;
        begins && self.tokens.get(self.at + 1).is_some_and(|next| next.kind == Kind::PathSeparator)
    }

    /// `a::b::C` in code.
    fn path(&mut self) {
        let line = self.tokens[self.at].line;
        let mut path = Vec::new();
        while let Some(word) = self.tokens.get(self.at).and_then(Token::word) {
            path.push(word.to_owned());
            self.at += 1;
            if self.tokens.get(self.at).is_none_or(|next| next.kind != Kind::PathSeparator) {
                break;
            }
            self.at += 1;
        }
        if let Some(path) = self.absolute(&path) {
            self.paths.push(Named { path, line, in_test: self.in_test() });
        }
    }

    fn in_test(&self) -> bool {
        self.next_is_test || self.scope().in_test
    }

    /// From the crate's root; a path that begins with a name of this file's is left as it is.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut module = self.scope().module.clone();
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => {
                module.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|word| word == "super") {
                    module.pop()?;
                    rest = &rest[1..];
                }
            }
            first if self.children.iter().any(|child| child == first) && self.inside.len() == 1 => {}
            _ => return Some([&["?".to_owned()], path].concat()),
        }
        Some([module.as_slice(), rest].concat())
    }

    /// `use a::{b, c as d};`
    fn import(&mut self) {
        let line = self.tokens[self.at].line;
        let end = self.tokens[self.at..].iter().position(|token| token.is_sign(';'));
        let end = self.at + end.unwrap_or(self.tokens.len() - self.at - 1);
        let tree = &self.tokens[self.at + 1..end];
        for (path, name) in leaves(tree, &[]) {
            let Some(path) = self.absolute(&path) else { continue };
            if path.first().is_some_and(|first| first == "?") {
                continue;
            }
            self.names.named.push(Named { path: path.clone(), line, in_test: self.in_test() });
            self.names.imports.entry(name).or_insert(path);
        }
        self.at = end;
    }

    /// Paths in code that begin with an imported name.
    fn resolve(mut self) -> Names {
        for mut named in self.paths {
            if named.path[0] == "?" {
                let Some(start) = self.names.imports.get(&named.path[1]) else { continue };
                named.path = [start.as_slice(), &named.path[2..]].concat();
            }
            self.names.named.push(named);
        }
        self.names
    }
}

/// Each path of a `use`, with the name that it gets.
fn leaves(tree: &[Token], before: &[String]) -> Vec<(Vec<String>, String)> {
    let mut path = before.to_vec();
    for (at, token) in tree.iter().enumerate() {
        match &token.kind {
            Kind::Word(word) if word == "as" => {
                let name = tree.get(at + 1).and_then(Token::word).unwrap_or("_");
                return vec![(path, name.to_owned())];
            }
            Kind::Word(word) if word == "self" && !path.is_empty() => {}
            Kind::Word(word) => path.push(word.clone()),
            Kind::Sign('*') => return vec![(path, "*".to_owned())],
            Kind::Sign('{') => {
                let inner = &tree[at + 1..tree.len() - 1];
                return split(inner).into_iter().flat_map(|part| leaves(part, &path)).collect();
            }
            _ => {}
        }
    }
    let name = path.last().cloned().unwrap_or_default();
    vec![(path, name)]
}

/// What commas part that are in no braces.
fn split(tree: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_usize;
    let parts = tree.split(|token| {
        depth += usize::from(token.is_sign('{'));
        depth -= usize::from(token.is_sign('}'));
        depth == 0 && token.is_sign(',')
    });
    parts.filter(|part| !part.is_empty()).collect()
}

#[test]
fn imports_and_paths_are_read_as_rust_does() {
    let source = "use crate::tools::{self, git::{Commit, tree as woods}};
        use super::Machine; use serde::Serialize;
        fn f() { tools::process::run(); woods::look(); crate::exit::refuse(); Commit::new(); serde::x(); }
        #[cfg(test)] mod tests { use super::*; use crate::lab; } #[cfg(test)] mod more;";
    let names = read(&super::source::tokens(source), &["host".to_owned(), "files".to_owned()], &[]);
    let paths: Vec<(String, bool)> =
        names.named.iter().map(|named| (named.path.join("::"), named.in_test)).collect();
    let expected = [
        ("tools", false),
        ("tools::git::Commit", false),
        ("tools::git::tree", false),
        ("host::Machine", false),
        ("host::files", true),
        ("lab", true),
        ("tools::process::run", false),
        ("tools::git::tree::look", false),
        ("exit::refuse", false),
        ("tools::git::Commit::new", false),
    ];
    assert_eq!(paths, expected.map(|(path, in_test)| (path.to_owned(), in_test)));
    assert_eq!(names.test_children, ["more"]);
}
