//! Patterns of paths (globs): what a task reads and writes. `*` matches any characters within a name, `**` any folders; a
//! pattern that ends in `/` matches everything below that folder, and one that begins with `!` excludes.

/// Some patterns, those that exclude among them.
#[derive(Debug, Clone, Default)]
pub struct Globs {
    included: Vec<Glob>,
    excluded: Vec<Glob>,
}

#[derive(Debug, Clone)]
struct Glob {
    /// As it was written.
    text: String,
    /// What every path that it matches begins with.
    prefix: String,
    /// What every path that it matches ends with.
    suffix: String,
    segments: Vec<String>,
    form: Form,
}

/// How a pattern is matched. Nearly all are of a form that needs no backtracking, which counts: the patterns of every task are
/// matched against every file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// No wildcard.
    Literal,
    /// A folder, and everything below it.
    Below,
    /// Wildcards within names.
    Flat,
    /// One `**`, with so many names before and after it.
    Deep { before: usize, after: usize },
    /// Several `**`.
    Other,
}

impl Globs {
    /// Parses patterns.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Globs {
        let mut globs = Globs::default();
        for pattern in patterns {
            match pattern.as_ref().strip_prefix('!') {
                Some(pattern) => globs.excluded.push(Glob::new(pattern)),
                None => globs.included.push(Glob::new(pattern.as_ref())),
            }
        }
        globs
    }

    /// Whether a path matches.
    pub fn matches(&self, path: &str) -> bool {
        self.included.iter().any(|glob| glob.matches(path))
            && !self.excluded.iter().any(|glob| glob.matches(path))
    }

    /// The indices of the `paths` that match, in rising order. `paths` must be sorted: a binary search finds those that begin as
    /// the pattern does, so that a thousand tasks don't each look at all files.
    pub fn select<P: AsRef<str>>(&self, paths: &[P]) -> Vec<usize> {
        let mut found = Vec::new();
        for glob in &self.included {
            let start = paths.partition_point(|path| path.as_ref() < glob.prefix.as_str());
            let candidates =
                paths[start..].iter().take_while(|path| path.as_ref().starts_with(&glob.prefix)).enumerate();
            let matching = candidates.filter(|(_, path)| glob.matches(path.as_ref()));
            found.extend(matching.map(|(offset, _)| start + offset));
        }
        if self.included.len() > 1 {
            found.sort_unstable();
            found.dedup();
        }
        found.retain(|&at| !self.excluded.iter().any(|glob| glob.matches(paths[at].as_ref())));
        found
    }

    /// The patterns without a wildcard. These paths are read even where git ignores them.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.included.iter().filter(|glob| glob.is_literal()).map(|glob| glob.text.as_str())
    }

    /// The patterns up to their first wildcard: the files and folders in which to look.
    pub fn roots(&self) -> impl Iterator<Item = &str> {
        self.included.iter().map(|glob| {
            if glob.is_literal() { glob.text.as_str() } else { glob.prefix.trim_end_matches('/') }
        })
    }

    /// A pattern of these and one of the others that the same path may match, as they were written. Of these, patterns that begin
    /// with a wildcard don't count: they are about files that git knows, and so not about what tasks write.
    pub fn overlap<'a>(&'a self, other: &'a Globs) -> Option<(&'a str, &'a str)> {
        self.included.iter().filter(|mine| !mine.prefix.is_empty()).find_map(|mine| {
            let overlaps = |theirs: &&Glob| {
                may_overlap(&mine.segments, &theirs.segments)
                    && !self.excluded.iter().any(|excluded| excluded.covers(theirs))
                    && !other.excluded.iter().any(|excluded| excluded.covers(mine))
            };
            other.included.iter().find(overlaps).map(|theirs| (mine.text.as_str(), theirs.text.as_str()))
        })
    }
}

impl Form {
    fn of(segments: &[String]) -> Form {
        let wild = |segment: &&String| segment.contains('*');
        let mut deep = segments.iter().enumerate().filter(|(_, segment)| *segment == "**");
        match (deep.next(), deep.next(), segments.iter().filter(wild).count()) {
            (_, _, 0) => Form::Literal,
            (None, _, _) => Form::Flat,
            (Some((before, _)), None, 1) if before + 1 == segments.len() => Form::Below,
            (Some((before, _)), None, _) => Form::Deep { before, after: segments.len() - before - 1 },
            _ => Form::Other,
        }
    }
}

/// Whether each pattern matches the name at its position; there are at least as many names.
fn names_match<'a>(
    patterns: impl IntoIterator<Item = &'a String>,
    names: impl Iterator<Item = &'a str>,
) -> bool {
    patterns.into_iter().zip(names).all(|(pattern, name)| name_matches(pattern, name))
}

impl Glob {
    fn new(pattern: &str) -> Glob {
        let whole = if pattern.ends_with('/') { format!("{pattern}**") } else { pattern.to_owned() };
        let wild = whole.find('*').unwrap_or(whole.len());
        let segments: Vec<String> = whole.split('/').map(str::to_owned).collect();
        // Of the last segment only: after `**/` a single name may be the whole path.
        let last = segments.last().map_or("", String::as_str);
        let suffix = last.rsplit('*').next().unwrap_or_default().to_owned();
        let form = Form::of(&segments);
        Glob { text: pattern.to_owned(), prefix: whole[..wild].to_owned(), suffix, segments, form }
    }

    fn is_literal(&self) -> bool {
        self.form == Form::Literal
    }

    fn matches(&self, path: &str) -> bool {
        if !path.starts_with(&self.prefix) || !path.ends_with(&self.suffix) {
            return false;
        }
        match self.form {
            Form::Literal => path == self.prefix,
            Form::Below => path.len() > self.prefix.len(),
            Form::Flat => {
                path.split('/').count() == self.segments.len() && names_match(&self.segments, path.split('/'))
            }
            Form::Deep { before, after } => {
                // At its end, `**` matches at least one name.
                let least = before + after.max(1);
                path.split('/').count() >= least
                    && names_match(&self.segments[..before], path.split('/'))
                    && names_match(self.segments[before + 1..].iter().rev(), path.rsplit('/'))
            }
            Form::Other => {
                let path: Vec<&str> = path.split('/').collect();
                matches(&self.segments, &path)
            }
        }
    }

    /// Whether it matches everything that `other` does. An approximation: where it says no by mistake, a message names two tasks
    /// that don't really overlap.
    fn covers(&self, other: &Glob) -> bool {
        let literal: Vec<&str> = other.segments.iter().map(String::as_str).collect();
        matches(&self.segments, &literal)
    }
}

fn matches(pattern: &[String], path: &[&str]) -> bool {
    match pattern.split_first() {
        None => path.is_empty(),
        // At the end it stands for what is below a folder, and so for at least one name.
        Some((first, rest)) if first == "**" && rest.is_empty() => !path.is_empty(),
        Some((first, rest)) if first == "**" => {
            (0..=path.len()).any(|skipped| matches(rest, &path[skipped..]))
        }
        Some((first, rest)) => {
            path.split_first().is_some_and(|(name, below)| name_matches(first, name) && matches(rest, below))
        }
    }
}

/// One name, with `*` for anything in it.
fn name_matches(pattern: &str, name: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    // The last wildcard takes everything up to the end of the pattern.
    if !after.contains('*') {
        return rest.ends_with(after);
    }
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| name_matches(after, &rest[at..]))
}

/// Whether some path may match both. May say yes where no path does, but never no where one does.
fn may_overlap(one: &[String], other: &[String]) -> bool {
    match (one.split_first(), other.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "**" => {
            may_overlap(rest, other) || other.split_first().is_some_and(|(_, below)| may_overlap(one, below))
        }
        (_, Some((first, _))) if first == "**" => may_overlap(other, one),
        (Some((a, a_rest)), Some((b, b_rest))) => names_may_overlap(a, b) && may_overlap(a_rest, b_rest),
        _ => false,
    }
}

fn names_may_overlap(a: &str, b: &str) -> bool {
    match (a.contains('*'), b.contains('*')) {
        (false, false) => a == b,
        (true, false) => name_matches(a, b),
        (false, true) => name_matches(b, a),
        (true, true) => {
            let (a_start, b_start) = (a.split('*').next(), b.split('*').next());
            let (a_end, b_end) = (a.rsplit('*').next(), b.rsplit('*').next());
            let alike = |x: Option<&str>, y: Option<&str>, ends: bool| {
                let (x, y) = (x.unwrap_or_default(), y.unwrap_or_default());
                if ends { x.ends_with(y) || y.ends_with(x) } else { x.starts_with(y) || y.starts_with(x) }
            };
            alike(a_start, b_start, false) && alike(a_end, b_end, true)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_what_it_says() {
        for (pattern, path, expected) in [
            ("a/b.rs", "a/b.rs", true),
            ("a/b.rs", "a/b.rsx", false),
            ("a/**", "a/b/c", true),
            ("a/", "a/b/c", true),
            ("a/**", "a", false),
            ("a/**", "ab/c", false),
            ("a/*", "a/b", true),
            ("a/*", "a/b/c", false),
            ("**/*.rs", "x.rs", true),
            ("**/*.rs", "a/b/x.rs", true),
            ("**/*.rs", "a/b/x.ts", false),
            ("a/**/z", "a/z", true),
            ("a/**/z", "a/b/c/z", true),
            ("a/**/z", "a/b/c/zz", false),
            ("*.test.*", "a.test.ts", true),
            ("*.test.*", "atest.ts", false),
            ("**", "anything/at all", true),
            ("é*", "éa", true),
        ] {
            assert_eq!(Globs::new(&[pattern]).matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_of_every_form_matches_what_trying_everything_finds() {
        let names = ["a", "ab", "b.rs", ".rs", "a.b.rs"];
        let patterns = ["a", "*", "**", "*.rs", "a*b*", "b.rs"];
        let mut all = 0;
        for count in 1..=3_u32 {
            let nth = |from: &[&str], number: usize| -> String {
                let part = |place| from[number / from.len().pow(place) % from.len()];
                (0..count).map(part).collect::<Vec<_>>().join("/")
            };
            for pattern in (0..patterns.len().pow(count)).map(|number| nth(&patterns, number)) {
                let glob = Glob::new(&pattern);
                let paths = (1..=3).flat_map(|depth| {
                    (0..names.len().pow(depth)).map(move |number| {
                        let part = |place| names[number / names.len().pow(place) % names.len()];
                        (0..depth).map(part).collect::<Vec<_>>()
                    })
                });
                for path in paths {
                    let expected = matches(&glob.segments, &path);
                    all += usize::from(expected);
                    assert_eq!(glob.matches(&path.join("/")), expected, "{pattern} {path:?} {:?}", glob.form);
                }
            }
        }
        assert!(all > 1000, "{all} matched");
    }

    #[test]
    fn what_begins_with_an_exclamation_mark_is_taken_back() {
        let globs = Globs::new(&["src/**", "!src/**/*.md"]);
        assert!(globs.matches("src/a.rs"));
        assert!(!globs.matches("src/b/README.md"));
    }

    #[test]
    fn selecting_looks_up_what_matching_one_by_one_finds() {
        let paths = ["a", "a/b", "a/b/c.rs", "ab/c.rs", "b", "b/x.md", "b/y.rs", "c/d/e"];
        for patterns in
            [&["a/**"][..], &["**/*.rs"], &["b/*", "!**/*.md"], &["a/**", "**"], &["c/d/e"], &[], &["x/**"]]
        {
            let globs = Globs::new(patterns);
            let expected: Vec<usize> = (0..paths.len()).filter(|&at| globs.matches(paths[at])).collect();
            assert_eq!(globs.select(&paths), expected, "{patterns:?}");
        }
    }

    #[test]
    fn two_patterns_meet_when_one_path_may_match_both() {
        for (one, other, expected) in [
            ("a/**", "a/b/c", true),
            ("a/**", "b/**", false),
            ("src/**/*.rs", "src/**", true),
            ("src/**/*.rs", "src/*.ts", false),
            ("a/*/c", "a/b/*", true),
            ("a/*", "a/b/c", false),
            ("dist/", "dist/assets/*.js", true),
            ("coverage/a.lcov", "coverage/b.lcov", false),
        ] {
            let met = Globs::new(&[one]).overlap(&Globs::new(&[other])).is_some();
            assert_eq!(met, expected, "{one} {other}");
            let met = Globs::new(&[other]).overlap(&Globs::new(&[one])).is_some();
            assert_eq!(met, expected, "{other} {one}");
        }
        assert!(Globs::new(&["**/*.sh"]).overlap(&Globs::new(&["node_modules/**"])).is_none());
        assert!(Globs::new(&["f/**", "!f/dist/**"]).overlap(&Globs::new(&["f/dist/**"])).is_none());
    }
}
