//! The figures to look at: a line of blocks in a terminal, and a picture that is light or dark as its reader has it.

use std::fmt::Write as _;

use super::shown;
use crate::product::metrics::{Figure, Metrics};
use crate::terminal::paint;

const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Of the picture, in pixels.
const WIDTH: usize = 760;
const BARS: usize = 120;
const ROW: usize = 30;

/// A block a week, as high as it has deployments.
pub fn spark(weeks: &[(usize, usize)]) -> String {
    let most = weeks.iter().map(|(deployments, _)| *deployments).max().unwrap_or(0).max(1);
    let block = |(deployments, failed): &(usize, usize)| match (*deployments, *failed) {
        (0, _) => paint::dim("·"),
        (deployments, failed) => {
            let block = BLOCKS[(deployments * BLOCKS.len()).div_ceil(most).clamp(1, BLOCKS.len()) - 1];
            if failed > 0 { paint::bad(block) } else { paint::good(block) }
        }
    };
    weeks.iter().map(block).collect()
}

/// The figures as rows, above a bar for each week.
pub fn draw(measured: &Metrics, title: &str) -> String {
    let rows = measured.figures.len();
    let (top, height) = (56 + rows * ROW, 56 + rows * ROW + BARS + 64);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" viewBox=\"0 0 {WIDTH} {height}\" \
         role=\"img\" aria-label=\"{title}\" font-family=\"system-ui, sans-serif\" font-size=\"14\">\n<title>{title}</title>\n{STYLE}\
         <rect class=\"ground\" x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\"/>\n\
         <text class=\"text\" x=\"20\" y=\"34\" font-size=\"17\" font-weight=\"600\">{title}</text>\n",
        WIDTH - 1,
        height - 1
    );
    for (number, figure) in measured.figures.iter().enumerate() {
        draw_row(&mut svg, figure, 76 + number * ROW);
    }
    let most = measured.weeks.iter().map(|(deployments, _)| *deployments).max().unwrap_or(0).max(1);
    let step = (WIDTH - 40) as f64 / measured.weeks.len().max(1) as f64;
    for (number, (deployments, failed)) in measured.weeks.iter().enumerate() {
        let (x, wide) = (20.0 + number as f64 * step, (step * 0.8).clamp(1.0, 40.0));
        let high = |count: usize| (count * BARS) as f64 / most as f64;
        let bottom = (top + BARS + 10) as f64;
        let bar = |class: &str, from: f64, count: usize| {
            format!(
                "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{:.1}\" width=\"{wide:.1}\" height=\"{:.1}\"/>\n",
                bottom - from - high(count),
                high(count)
            )
        };
        let good = deployments - failed;
        if good > 0 {
            svg.push_str(&bar("good", 0.0, good));
        }
        if *failed > 0 {
            svg.push_str(&bar("bad", high(good), *failed));
        }
    }
    let (axis, words) = (top + BARS + 10, top + BARS + 34);
    let _ = writeln!(svg, "<path class=\"line\" d=\"M20 {axis}H{}\"/>", WIDTH - 20);
    let _ = writeln!(
        svg,
        "<text class=\"dim\" x=\"20\" y=\"{words}\">deployments by week, up to {most}; failed ones in red; {} attempts were caught before users</text>\n</svg>",
        measured.caught
    );
    svg
}

fn draw_row(svg: &mut String, figure: &Figure, y: usize) {
    let class = match figure.is_met {
        Some(true) => "good",
        Some(false) => "bad",
        None => "text",
    };
    let few = if figure.says_little() { ", few" } else { "" };
    let _ = writeln!(svg, "<text class=\"text\" x=\"20\" y=\"{y}\">{}</text>", figure.name);
    let _ = writeln!(
        svg,
        "<text class=\"{class}\" x=\"290\" y=\"{y}\" font-weight=\"600\">{}</text>",
        shown(figure)
    );
    let _ = writeln!(svg, "<text class=\"dim\" x=\"450\" y=\"{y}\">{}</text>", figure.target);
    let _ = writeln!(svg, "<text class=\"dim\" x=\"620\" y=\"{y}\">of {}{few}</text>", figure.samples);
}

const STYLE: &str = "<style>.ground{fill:#fff;stroke:#d0d7de}.text{fill:#1f2328}.dim{fill:#656d76}.good{fill:#1a7f37}.bad{fill:#cf222e}\
.line{stroke:#d0d7de}@media(prefers-color-scheme:dark){.ground{fill:#0d1117;stroke:#30363d}.text{fill:#e6edf3}.dim{fill:#8b949e}\
.good{fill:#3fb950}.bad{fill:#ff7b72}.line{stroke:#30363d}}</style>\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::without_escape_codes;

    #[test]
    fn a_week_is_as_high_as_it_has_deployments() {
        let line = spark(&[(0, 0), (1, 0), (4, 1), (8, 0)]);
        assert_eq!(without_escape_codes(&line), "·▁▄█");
    }
}
