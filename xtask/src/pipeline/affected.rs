//! `--since`: which tasks a change can affect.

use std::collections::HashMap;

use super::fingerprint::Fingerprints;
use super::globs::Globs;
use super::graph::Graph;

/// The tasks whose outcome these changed paths (sorted) may change, each with the reason: it reads one of the paths, or what
/// such a task writes. `own` are the patterns of xtask's own sources.
pub fn affected(graph: &Graph, own: &[&str], changed: &[String]) -> HashMap<usize, String> {
    let own = Globs::new(own);
    let mut affected: HashMap<usize, String> = HashMap::new();
    // A task comes after its producers, so that theirs is known by then.
    for (at, task) in graph.tasks().iter().enumerate() {
        let why = match Fingerprints::first_read(task, &own, changed) {
            Some((path, true)) => Some(format!("{path}, a part of every task, changed")),
            Some((path, false)) => Some(format!("{path} changed")),
            None => {
                let producer = graph.producers(at).iter().find(|producer| affected.contains_key(producer));
                producer.map(|&producer| format!("it reads what {} writes", graph.tasks()[producer].name))
            }
        };
        if let Some(why) = why {
            affected.insert(at, why);
        }
    }
    affected
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::task::task;

    #[test]
    fn a_change_affects_who_reads_it_and_who_reads_their_work() {
        let table = vec![
            task("build", "").reads(["site/src/"]).writes(["site/dist/"]).run(|_| Ok(())),
            task("ship", "").needs(["build"]).reads(["site/dist/", "Dockerfile"]).run(|_| Ok(())),
            task("wait", "").needs(["build"]).reads(["docs/"]).run(|_| Ok(())),
            task("all", "").run(|_| Ok(())),
        ];
        let graph = Graph::new(table).expect("a graph");
        let affected = |path: &str| {
            let affected = affected(&graph, &["xtask/src/"], &[path.to_owned()]);
            let mut found: Vec<_> =
                affected.into_iter().map(|(at, why)| format!("{}: {why}", graph.tasks()[at].name)).collect();
            found.sort();
            found
        };
        assert_eq!(
            affected("site/src/a.ts"),
            [
                "all: site/src/a.ts changed",
                "build: site/src/a.ts changed",
                "ship: it reads what build writes"
            ]
        );
        assert_eq!(affected("docs/a.md"), ["all: docs/a.md changed", "wait: docs/a.md changed"]);
        assert_eq!(affected("xtask/src/main.rs").len(), 4);
        assert!(affected("xtask/src/main.rs")[0].contains("a part of every task"));
    }
}
