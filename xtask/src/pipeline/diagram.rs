//! The graph as a diagram, in the languages of Mermaid and of Graphviz.

use std::fmt::Write as _;

use super::graph::Graph;

/// The language that a diagram is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DiagramFormat {
    /// Mermaid, which GitHub shows in Markdown.
    Mermaid,
    /// Graphviz.
    Dot,
}

/// These tasks, each with an arrow to who needs it; those that `is_cached` have a dashed border.
pub fn draw(
    graph: &Graph,
    tasks: &[usize],
    format: DiagramFormat,
    is_cached: &dyn Fn(usize) -> bool,
) -> String {
    let name = |at: usize| graph.tasks()[at].name;
    let mut text = match format {
        DiagramFormat::Mermaid => "flowchart LR\n".to_owned(),
        DiagramFormat::Dot => "digraph ci {\n  rankdir=LR;\n  node [shape=box, style=rounded];\n".to_owned(),
    };
    for &at in tasks {
        let _ = match format {
            DiagramFormat::Mermaid => writeln!(text, "  {0}[\"{0}\"]", name(at)),
            DiagramFormat::Dot if is_cached(at) => {
                writeln!(text, "  \"{}\" [style=\"rounded,dashed\"];", name(at))
            }
            DiagramFormat::Dot => writeln!(text, "  \"{}\";", name(at)),
        };
    }
    for &at in tasks {
        for &need in graph.needs(at).iter().filter(|need| tasks.contains(need)) {
            let _ = match format {
                DiagramFormat::Mermaid => writeln!(text, "  {} --> {}", name(need), name(at)),
                DiagramFormat::Dot => writeln!(text, "  \"{}\" -> \"{}\";", name(need), name(at)),
            };
        }
    }
    let cached: Vec<&str> = tasks.iter().filter(|&&at| is_cached(at)).map(|&at| name(at)).collect();
    match format {
        DiagramFormat::Mermaid if !cached.is_empty() => {
            let _ = writeln!(
                text,
                "  classDef cached stroke-dasharray: 4 4\n  class {} cached",
                cached.join(",")
            );
        }
        DiagramFormat::Dot => text.push_str("}\n"),
        DiagramFormat::Mermaid => {}
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::task::task;

    #[test]
    fn both_formats_show_every_task_and_every_need() {
        let table = vec![task("a", "").run(|_| Ok(())), task("b-c", "").needs(["a"]).run(|_| Ok(()))];
        let graph = Graph::new(table).expect("a graph");
        let drawn = |format| draw(&graph, &[0, 1], format, &|at| at == 0);
        assert_eq!(
            drawn(DiagramFormat::Mermaid),
            "flowchart LR\n  a[\"a\"]\n  b-c[\"b-c\"]\n  a --> b-c\n  classDef cached stroke-dasharray: 4 4\n  class a cached\n"
        );
        assert!(drawn(DiagramFormat::Dot).contains("\"a\" -> \"b-c\";"), "{}", drawn(DiagramFormat::Dot));
        assert!(
            drawn(DiagramFormat::Dot).contains("\"a\" [style=\"rounded,dashed\"];"),
            "{}",
            drawn(DiagramFormat::Dot)
        );
    }
}
