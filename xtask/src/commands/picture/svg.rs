//! A screen as a picture: a window of a terminal, with each text as text, so that it can be searched and read aloud.

use std::fmt::Write as _;

use super::screen::{Screen, Style};

/// A character's size, and what is around the text, in pixels.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 20.0;
const MARGIN: f64 = 18.0;
const BAR: f64 = 36.0;
/// No window is narrower, in characters.
const LEAST: usize = 64;

/// Colours for one background: GitHub's own, which are read well on each other.
pub struct Theme {
    /// In the file's name.
    pub name: &'static str,
    window: &'static str,
    edge: &'static str,
    text: &'static str,
    dim: &'static str,
    /// The terminal's eight; black and white are seen whatever the background is.
    palette: [&'static str; 8],
}

pub const THEMES: [Theme; 2] = [
    Theme {
        name: "light",
        window: "#ffffff",
        edge: "#d0d7de",
        text: "#1f2328",
        dim: "#656d76",
        palette: ["#1f2328", "#cf222e", "#1a7f37", "#9a6700", "#0969da", "#8250df", "#1b7c83", "#1f2328"],
    },
    Theme {
        name: "dark",
        window: "#0d1117",
        edge: "#30363d",
        text: "#e6edf3",
        dim: "#8b949e",
        palette: ["#e6edf3", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#e6edf3"],
    },
];

/// The screen in a window, for somebody who can't see it by this title.
pub fn draw(screen: &Screen, title: &str, theme: &Theme) -> String {
    let columns = screen.rows.iter().map(Vec::len).max().unwrap_or(0).max(LEAST);
    let width = columns as f64 * WIDTH + 2.0 * MARGIN;
    let height = BAR + screen.rows.len() as f64 * HEIGHT + MARGIN;
    let Theme { window, edge, text, .. } = theme;
    let title = escaped(title);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" aria-label=\"{title}\" fill=\"{text}\" font-size=\"14\" \
         font-family=\"ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace\">\n\
         <title>{title}</title>\n\
         <rect x=\"0.5\" y=\"0.5\" width=\"{:.0}\" height=\"{:.0}\" rx=\"8\" fill=\"{window}\" stroke=\"{edge}\"/>\n\
         <g stroke=\"none\"><circle cx=\"20\" cy=\"18\" r=\"5.5\" fill=\"#ff5f57\"/><circle cx=\"40\" cy=\"18\" r=\"5.5\" \
         fill=\"#febc2e\"/><circle cx=\"60\" cy=\"18\" r=\"5.5\" fill=\"#28c840\"/></g>\n",
        width - 1.0,
        height - 1.0
    );
    for (number, row) in screen.rows.iter().enumerate() {
        let baseline = BAR + number as f64 * HEIGHT + 14.0;
        for (column, run) in runs(row) {
            write_text(&mut svg, run, MARGIN + column as f64 * WIDTH, baseline, theme);
        }
    }
    svg + "</svg>\n"
}

/// What looks alike, and where it begins; spaces around it are nothing to draw.
fn runs(row: &[(char, Style)]) -> Vec<(usize, &[(char, Style)])> {
    let is_space = |cell: &(char, Style)| cell.0 == ' ';
    let alike = row.chunk_by(|before, cell| before.1 == cell.1 && !(is_space(before) && is_space(cell)));
    let mut column = 0;
    let trimmed = alike.filter_map(|run| {
        let begin = column;
        column += run.len();
        let (first, last) =
            (run.iter().position(|it| !is_space(it))?, run.iter().rposition(|it| !is_space(it))?);
        Some((begin + first, &run[first..=last]))
    });
    trimmed.collect()
}

/// It takes as much room as it has characters, whichever font there is.
fn write_text(svg: &mut String, run: &[(char, Style)], x: f64, y: f64, theme: &Theme) {
    let Style { colour, bold, dim } = run[0].1;
    let text: String = run.iter().map(|(seen, _)| *seen).collect();
    let fill = if dim { Some(theme.dim) } else { colour.map(|colour| theme.palette[colour]) };
    let fill = fill.map(|fill| format!(" fill=\"{fill}\"")).unwrap_or_default();
    let weight = if bold { " font-weight=\"600\"" } else { "" };
    let (length, text) = (run.len() as f64 * WIDTH, escaped(&text));
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{y:.0}\" textLength=\"{length:.1}\" lengthAdjust=\"spacingAndGlyphs\"{fill}{weight}>{text}</text>"
    );
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_stands_where_it_was_in_its_colour() {
        let screen = Screen::after("\u{1b}[32m✓\u{1b}[m a <b>   \u{1b}[2mdim\u{1b}[m", 20);
        let [light, dark] = THEMES.map(|theme| draw(&screen, "a & b", &theme));
        assert!(dark.contains("<title>a &amp; b</title>") && dark.contains(">a &lt;b></text>"), "{dark}");
        assert!(dark.contains("fill=\"#3fb950\">✓</text>"), "{dark}");
        assert!(light.contains("fill=\"#1a7f37\">✓</text>"), "{light}");
        let place = format!("<text x=\"{:.1}\"", MARGIN + 10.0 * WIDTH);
        assert!(
            dark.lines().any(|line| line.starts_with(&place) && line.ends_with("#8b949e\">dim</text>")),
            "{dark}"
        );
    }
}
