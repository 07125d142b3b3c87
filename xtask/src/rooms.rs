//! The house, as a test: which room may use which, that no circle of modules closes, and that only the product's rooms
//! name the product. (The architecture test: layers, direction of imports, cycles of dependencies.)
//!
//! A **room** is a module of `main.rs`. An **arrow** goes from the file that names something to the file that defines it,
//! however often it is re-exported between them; code of tests counts.
//!
//! A **circle** is looked for among the members of one module, each with all that is inside it: two members that use each
//! other, by whatever way, are one thing in two files. That a member uses what its parent's own file defines is none: it
//! is a part of the parent, and is read with it. Nor is what only the tests of a member use: they may set up the whole.

mod paths;
mod source;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs;

use camino::{Utf8Path, Utf8PathBuf};

use self::paths::Names;
use self::source::{Kind, Token};
use crate::project;

/// The rooms from the top to the bottom: each uses those below it, and none beside it.
const FLOORS: [&[&str]; 6] =
    [&["main"], &["commands"], &["product"], &["pipeline", "lab", "host"], &["rollout", "setup"], &["tools"]];
/// What the rooms stand on: facts, and what is said and asked. It uses no room.
const GROUND: [&str; 4] = ["project", "terminal", "exit", "workspace"];
/// The rooms that do without some of the ground: they are told what they need.
const TOLD: [(&str, &[&str]); 3] =
    [("pipeline", &["project", "workspace"]), ("rollout", &GROUND), ("tools", &GROUND)];

/// Of a room below it, a room that uses no more than this: types of data.
const ONLY: [(&str, &str, &[&str]); 1] = [("rollout", "tools", &["docker::condition"])];

/// One file of xtask.
struct File {
    /// Where it is, from the repository's root.
    path: String,
    tokens: Vec<Token>,
    names: Names,
}

/// One file that names another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Arrow {
    from: Vec<String>,
    to: Vec<String>,
    /// Where it is named: the file and the line.
    place: (String, usize),
    /// Whether only tests follow it.
    in_test: bool,
}

impl Arrow {
    /// How many of the modules around both ends are the same.
    fn shared(&self) -> usize {
        self.from.iter().zip(&self.to).take_while(|(a, b)| a == b).count()
    }
}

/// All of them, by their modules.
struct House(BTreeMap<Vec<String>, File>);

impl House {
    fn read() -> House {
        let paths = found(|path| path.extension() == Some("rs"));
        House::of(paths.iter().map(|path| {
            let module = module_of(path.strip_prefix(src()).expect("below it"));
            (shown(path), module, fs::read_to_string(path).expect("readable"))
        }))
    }

    /// Of files, each with its path, its module and its text.
    fn of(files: impl Iterator<Item = (String, Vec<String>, String)>) -> House {
        let files: Vec<_> = files.collect();
        let read = |(path, module, text): &(String, Vec<String>, String)| {
            let is_child = |other: &[String]| other.len() == module.len() + 1 && other.starts_with(module);
            let children = files.iter().filter(|(_, other, _)| is_child(other));
            let children: Vec<String> = children.filter_map(|(_, other, _)| other.last().cloned()).collect();
            let tokens = source::tokens(text);
            let names = paths::read(&tokens, module, &children);
            (module.clone(), File { path: path.clone(), tokens, names })
        };
        House(files.iter().map(read).collect())
    }

    /// The module whose file defines what this path names.
    fn definer(&self, path: &[String]) -> Option<Vec<String>> {
        let mut path = path.to_vec();
        // A re-export of a re-export, and so on.
        for _ in 0..8 {
            let length = (0..=path.len()).rev().find(|length| self.0.contains_key(&path[..*length]))?;
            let (module, rest) = path.split_at(length);
            let file = self.0.get(module)?;
            match rest.first().and_then(|name| file.names.imports.get(name)) {
                Some(target) if !target.starts_with(&path[..=length]) => {
                    path = [target.as_slice(), &rest[1..]].concat();
                }
                _ => return Some(module.to_vec()),
            }
        }
        None
    }

    fn arrows(&self) -> Vec<Arrow> {
        let mut arrows = Vec::new();
        for (module, file) in &self.0 {
            for named in &file.names.named {
                let Some(to) = self.definer(&named.path).filter(|to| to != module) else { continue };
                let in_test = named.in_test || self.is_for_tests(module);
                arrows.push(Arrow {
                    from: module.clone(),
                    to,
                    place: (file.path.clone(), named.line),
                    in_test,
                });
            }
        }
        arrows
    }

    /// Whether only tests see this module.
    fn is_for_tests(&self, module: &[String]) -> bool {
        (1..=module.len()).any(|length| {
            let parent = self.0.get(&module[..length - 1]);
            parent.is_some_and(|parent| parent.names.test_children.contains(&module[length - 1]))
        })
    }

    /// Whether it stems from the tests of a member that is there for more than tests.
    fn is_of_tests_alone(&self, arrow: &Arrow) -> bool {
        let member = (arrow.shared() + 1).min(arrow.from.len());
        arrow.in_test && !self.is_for_tests(&arrow.from[..member])
    }
}

fn src() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// As people name it: from the repository's root.
fn shown(path: &Utf8Path) -> String {
    format!("xtask/src/{}", path.strip_prefix(src()).expect("below it"))
}

/// The files of xtask's sources for which this holds, in order.
fn found(wanted: fn(&Utf8Path) -> bool) -> Vec<Utf8PathBuf> {
    let (mut folders, mut files) = (vec![src()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir_utf8().expect("a folder") {
            let path = entry.expect("readable").into_path();
            if path.is_dir() {
                folders.push(path);
            } else if wanted(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn module_of(path: &Utf8Path) -> Vec<String> {
    let mut module: Vec<String> =
        path.with_extension("").components().map(|part| part.as_str().to_owned()).collect();
    if module.last().is_some_and(|last| last == "mod" || last == "main") {
        module.pop();
    }
    module
}

/// The room of a module.
fn room(module: &[String]) -> &str {
    module.first().map_or("main", String::as_str)
}

/// Why a room may not use another one; nothing when it may.
fn objection(from: &str, to: &str) -> Option<String> {
    let floor = |room: &str| FLOORS.iter().position(|floor| floor.contains(&room));
    if from == to || from == "rooms" {
        return None;
    }
    if GROUND.contains(&from) {
        return Some(format!("{from} is ground, on which rooms stand, and uses none"));
    }
    if GROUND.contains(&to) {
        let told = TOLD.iter().find(|(room, without)| *room == from && without.contains(&to));
        return told.map(|_| format!("{from} does without {to}: give it what it needs as an argument"));
    }
    match (floor(from), floor(to)) {
        (Some(above), Some(below)) if above < below => None,
        (Some(above), Some(below)) if above == below => Some(format!(
            "{from} and {to} stand beside each other: what both need belongs below, or to who uses both"
        )),
        (Some(_), Some(_)) => Some(format!("{to} stands above {from}: give it to {from} as an argument")),
        _ => Some(format!("{from} or {to} is no room yet: give it its floor in xtask/src/rooms.rs")),
    }
}

/// Why a module is none of those that a room may use of another one; nothing when it is one of them.
fn excess(from: &str, to: &[String]) -> Option<String> {
    let (_, below, only) =
        ONLY.iter().find(|(room, below, _)| *room == from && to.first().is_some_and(|to| to == below))?;
    let inside = to[1..].join("::");
    (!only.contains(&inside.as_str())).then(|| {
        format!(
            "{from} uses of {below} only {}: take the rest as an argument, or through its traits",
            only.join(", ")
        )
    })
}

/// Each arrow that points up, in words.
fn upward(arrows: &[Arrow]) -> BTreeSet<String> {
    let problem = |arrow: &Arrow| {
        let from = room(&arrow.from);
        let why = objection(from, room(&arrow.to)).or_else(|| excess(from, &arrow.to))?;
        let (file, line) = &arrow.place;
        Some(format!("{file}:{line}: {why}"))
    };
    arrows.iter().filter_map(problem).collect()
}

/// Each circle that closes among the members of a module, in words.
fn circles(house: &House) -> BTreeSet<String> {
    let mut modules: BTreeMap<Vec<String>, Uses<'_>> = BTreeMap::new();
    let arrows = house.arrows();
    for arrow in arrows.iter().filter(|arrow| !house.is_of_tests_alone(arrow)) {
        let shared = arrow.shared();
        if let (Some(from), Some(to)) = (arrow.from.get(shared), arrow.to.get(shared)) {
            let uses = modules.entry(arrow.from[..shared].to_vec()).or_default();
            uses.entry(from).or_default().entry(to).or_insert(arrow);
        }
    }
    let mut problems = BTreeSet::new();
    for (module, uses) in &modules {
        let name = if module.is_empty() { "main".to_owned() } else { module.join("::") };
        for (from, to) in uses.iter().flat_map(|(from, used)| used.keys().map(move |to| (*from, *to))) {
            let Some(back) = way(uses, to, from) else { continue };
            let mut circle = [&[from], back.as_slice()].concat();
            // Each circle once: told from its first member by name.
            let first = circle.iter().enumerate().min_by_key(|(_, member)| **member).map_or(0, |(at, _)| at);
            circle.rotate_left(first);
            let mut words = String::new();
            for (at, from) in circle.iter().enumerate() {
                let to = circle[(at + 1) % circle.len()];
                let (file, line) = &uses[from][to].place;
                let _ = write!(words, "\n    {from} uses {to}: {file}:{line}");
            }
            let todo = "put what both need into a third, or give one of them to the other as an argument";
            problems.insert(format!("in {name} a circle closes: {todo}{words}"));
        }
    }
    problems
}

/// Of the members of one module, which uses which, and where.
type Uses<'a> = BTreeMap<&'a str, BTreeMap<&'a str, &'a Arrow>>;

/// The members on a shortest way from one to another, without its end.
fn way<'a>(uses: &Uses<'a>, from: &'a str, to: &str) -> Option<Vec<&'a str>> {
    let mut ways = VecDeque::from([vec![from]]);
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop_front() {
        for next in uses.get(way.last()?).into_iter().flat_map(BTreeMap::keys) {
            if *next == to {
                return Some(way);
            }
            if seen.insert(*next) {
                ways.push_back([way.as_slice(), &[*next]].concat());
            }
        }
    }
    None
}

/// The rooms that may name the product and its parts.
const PRODUCT_ROOMS: [&str; 4] = ["project", "product", "commands", "rooms"];

/// Services of the platform that are called like a program of other people: who calls the program may say its name.
const PROGRAMS: [(&str, &str); 2] =
    [("postgres", "xtask/src/tools/database/"), ("postgres", "xtask/src/setup/")];

/// What names the product or a part of it in a text, if something does: the product's name in whatever form (and so a
/// path, a label, a role); a component as a word; a service of the platform where the text is nothing else, since they are
/// also words for what they do.
fn named_in(file: &str, text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    let is_of_word = |c: char| c.is_alphanumeric() || c == '_';
    let has_word = |word: &str| {
        lower.match_indices(word).any(|(at, _)| {
            !lower[..at].ends_with(is_of_word) && !lower[at + word.len()..].starts_with(is_of_word)
        })
    };
    let is_program =
        |word: &str| PROGRAMS.iter().any(|(name, place)| *name == word && file.starts_with(place));
    let components = [project::BACKEND.name, project::FRONTEND.name];
    let services = project::PLATFORM.map(|service| service.name);
    Some(project::NAME)
        .filter(|name| lower.contains(name))
        .or_else(|| components.into_iter().find(|word| has_word(word)))
        .or_else(|| services.into_iter().find(|word| text == *word && !is_program(word)))
}

/// Each text of a room that is not the product's and that names it, in words.
fn literals(house: &House) -> BTreeSet<String> {
    let is_product_s = |room: &str| PRODUCT_ROOMS.contains(&room);
    let mut problems = BTreeSet::new();
    let mut look = |path: &str, line: usize, text: &str| {
        let Some(name) = named_in(path, text) else { return };
        let start: String = text.trim().chars().take(60).collect();
        problems.insert(format!(
            "{path}:{line}: {start:?} names the product ({name}): take it from `project`, or as an argument"
        ));
    };
    for (_, file) in house.0.iter().filter(|(module, _)| !is_product_s(room(module))) {
        for token in &file.tokens {
            if let Kind::Text(text) = &token.kind {
                look(&file.path, token.line, text);
            }
        }
    }
    // Scripts and the like, which the sources include whole.
    for path in found(|path| path.extension() != Some("rs")) {
        let room = path.strip_prefix(src()).ok().and_then(|inside| inside.components().next());
        if room.is_some_and(|room| is_product_s(room.as_str())) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("readable");
        text.lines().enumerate().for_each(|(at, line)| look(&shown(&path), at + 1, line));
    }
    problems
}

/// Fails with each problem, in words.
fn expect_none(problems: &BTreeSet<String>) {
    let problems: Vec<&str> = problems.iter().map(String::as_str).collect();
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn every_arrow_between_rooms_points_down() {
    expect_none(&upward(&House::read().arrows()));
}

#[test]
fn no_circle_of_modules_closes() {
    expect_none(&circles(&House::read()));
}

#[test]
fn only_the_product_s_rooms_name_the_product() {
    expect_none(&literals(&House::read()));
}

/// A house in which each rule is broken once: whoever finds nothing here finds nothing anywhere.
#[test]
fn what_is_planted_is_found() {
    let file = |module: &str, text: &str| {
        let module: Vec<String> = module.split("::").map(str::to_owned).collect();
        (format!("xtask/src/{}.rs", module.join("/")), module, text.to_owned())
    };
    let house = House::of(
        [
            file("tools", "pub mod one;\npub mod two;\n"),
            file("tools::one", "use crate::host::Host;\nuse super::two::Two;\npub struct One(Two);\n"),
            file("tools::two", "use super::one::One;\npub struct Two(Box<One>);\n"),
            file(
                "host",
                "use crate::tools::one::One;\npub struct Host(One);\nconst NAME: &str = \"Tracehub\";\n",
            ),
            file("rollout", "use crate::tools::one::One;\nuse crate::project::NAME;\n"),
            file("project", "pub const NAME: &str = \"tracehub\";\n"),
        ]
        .into_iter(),
    );
    let (upward, circles, literals) = (upward(&house.arrows()), circles(&house), literals(&house));
    let says = |problems: &BTreeSet<String>, words: &str| problems.iter().any(|it| it.contains(words));
    assert!(
        says(&upward, "host stands above tools") && says(&upward, "rollout uses of tools only"),
        "{upward:?}"
    );
    assert!(says(&upward, "rollout does without project"), "{upward:?}");
    assert!(says(&circles, "in tools a circle closes"), "{circles:?}");
    assert!(says(&literals, "xtask/src/host.rs:3"), "{literals:?}");
    assert!(!upward.iter().any(|it| it.contains("host.rs")), "host may use tools: {upward:?}");
}
