//! The graph as a picture, for Mermaid and for Graphviz.

use std::fmt::Write as _;

use super::graph::Graph;

/// How a picture is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Picture {
    /// Mermaid, which GitHub shows in Markdown.
    Mermaid,
    /// Graphviz.
    Dot,
}

/// These tasks, each with an arrow to who needs it; `is_cached` ones are drawn dashed.
pub fn draw(graph: &Graph, tasks: &[usize], picture: Picture, is_cached: &dyn Fn(usize) -> bool) -> String {
    let name = |at: usize| graph.tasks()[at].name;
    let mut text = match picture {
        Picture::Mermaid => "flowchart LR\n".to_owned(),
        Picture::Dot => "digraph ci {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n".to_owned(),
    };
    for &at in tasks {
        let _ = match picture {
            Picture::Mermaid => writeln!(text, "  {0}[\"{0}\"]", name(at)),
            Picture::Dot if is_cached(at) => writeln!(text, "  \"{}\" [style=\"rounded,dashed\"];", name(at)),
            Picture::Dot => writeln!(text, "  \"{}\";", name(at)),
        };
    }
    for &at in tasks {
        for &need in graph.needs(at).iter().filter(|need| tasks.contains(need)) {
            let _ = match picture {
                Picture::Mermaid => writeln!(text, "  {} --> {}", name(need), name(at)),
                Picture::Dot => writeln!(text, "  \"{}\" -> \"{}\";", name(need), name(at)),
            };
        }
    }
    let cached: Vec<&str> = tasks.iter().filter(|&&at| is_cached(at)).map(|&at| name(at)).collect();
    match picture {
        Picture::Mermaid if !cached.is_empty() => {
            let _ = writeln!(
                text,
                "  classDef cached stroke-dasharray: 4 4\n  class {} cached",
                cached.join(",")
            );
        }
        Picture::Dot => text.push_str("}\n"),
        Picture::Mermaid => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::task::task;

    #[test]
    fn both_pictures_show_every_task_and_every_need() {
        let table = vec![task("a", "").run(|_| Ok(())), task("b-c", "").needs(["a"]).run(|_| Ok(()))];
        let graph = Graph::new(table).expect("a graph");
        let drawn = |picture| draw(&graph, &[0, 1], picture, &|at| at == 0);
        assert_eq!(
            drawn(Picture::Mermaid),
            "flowchart LR\n  a[\"a\"]\n  b-c[\"b-c\"]\n  a --> b-c\n  classDef cached stroke-dasharray: 4 4\n  class a cached\n"
        );
        assert!(drawn(Picture::Dot).contains("\"a\" -> \"b-c\";"), "{}", drawn(Picture::Dot));
        assert!(drawn(Picture::Dot).contains("\"a\" [style=\"rounded,dashed\"];"), "{}", drawn(Picture::Dot));
    }
}
