//! How a table is laid out.

use console::{measure_text_width, strip_ansi_codes};

use super::paint;

/// Between two columns.
const GAP: usize = 2;
/// No column is made narrower than that: it could not be read.
const NARROWEST: usize = 12;

/// The lines of a table: columns as wide as what is in them, and where that is more than `width`, the widest ones made narrower, in
/// which a long text goes on in the next line.
pub fn lines(headings: &[&str], rows: &[Vec<String>], width: Option<usize>) -> Vec<String> {
    let natural = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| measure_text_width(cell));
        cells.chain([headings[column].len()]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = (0..headings.len()).map(natural).collect();
    if let Some(width) = width {
        fit(&mut widths, width.saturating_sub(GAP * headings.len().saturating_sub(1)));
    }
    let headings: Vec<String> = headings.iter().map(paint::dim).collect();
    [&headings].into_iter().chain(rows).flat_map(|row| row_of(row, &widths)).collect()
}

/// A text behind a head; where both are wider than `width`, the text goes on below its own beginning.
pub fn behind(head: &str, text: &str, width: Option<usize>) -> Vec<String> {
    let taken = measure_text_width(head);
    let width = width.map_or(usize::MAX, |width| width.saturating_sub(taken).max(NARROWEST));
    let lines = wrap(text, width).into_iter().enumerate();
    lines
        .map(|(at, line)| if at == 0 { format!("{head}{line}") } else { " ".repeat(taken) + &line })
        .collect()
}

/// Takes from the widest of them, until they are within that together, or none can be made narrower.
fn fit(widths: &mut [usize], most: usize) {
    while widths.iter().sum::<usize>() > most {
        let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > NARROWEST) else { return };
        *widest -= 1;
    }
}

fn row_of(cells: &[String], widths: &[usize]) -> Vec<String> {
    let columns: Vec<Vec<String>> =
        cells.iter().zip(widths).map(|(cell, width)| wrap(cell, *width)).collect();
    let height = columns.iter().map(Vec::len).max().unwrap_or(0);
    let line = |at: usize| {
        let mut line = String::new();
        for (column, width) in columns.iter().zip(widths) {
            let text = column.get(at).map_or("", String::as_str);
            line.push_str(text);
            line.push_str(&" ".repeat(width.saturating_sub(measure_text_width(text)) + GAP));
        }
        line.trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

/// A cell in lines of this width, each in the cell's colour; words that are longer are cut.
fn wrap(cell: &str, width: usize) -> Vec<String> {
    if measure_text_width(cell) <= width {
        return vec![cell.to_owned()];
    }
    let plain = strip_ansi_codes(cell);
    let (before, behind) = cell.split_once(&*plain).unwrap_or_default();
    let mut lines = vec![String::new()];
    for word in plain.split_whitespace() {
        let mut rest: Vec<char> = word.chars().collect();
        while !rest.is_empty() {
            let line = lines.last_mut().expect("there is one");
            let taken = measure_text_width(line);
            let gap = usize::from(taken > 0);
            if taken > 0 && taken + gap + rest.len() > width {
                lines.push(String::new());
                continue;
            }
            line.push_str(&" ".repeat(gap));
            line.extend(rest.drain(..rest.len().min(width)));
        }
    }
    lines.into_iter().map(|line| format!("{before}{line}{behind}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(rows: &[[&str; 3]], width: Option<usize>) -> Vec<String> {
        let rows: Vec<Vec<String>> = rows.iter().map(|row| row.map(str::to_owned).into()).collect();
        let lines = lines(&["part", "health", "since"], &rows, width);
        lines.iter().map(|line| strip_ansi_codes(line).into_owned()).collect()
    }

    #[test]
    fn one_long_message_goes_on_in_its_column_and_widens_no_table() {
        let long = "the check says: wgets: executable file not found in $PATH";
        let rows = [["one", "running", "2 h ago"], ["another", long, "1 min ago"]];
        let all = plain(&rows, Some(45));
        assert_eq!(
            all,
            [
                "part     health                     since",
                "one      running                    2 h ago",
                "another  the check says: wgets:     1 min ago",
                "         executable file not found",
                "         in $PATH",
            ]
        );
        // Nobody's terminal: each row is one line, whatever reads it.
        assert_eq!(plain(&rows, None)[2], format!("another  {long}  1 min ago"));
        assert_eq!(plain(&rows, Some(200)), plain(&rows, None));
    }

    #[test]
    fn a_long_text_goes_on_below_its_own_beginning() {
        let (head, text) =
            ("  commit    ", "0123456789ab  A subject that is longer than the terminal is wide");
        assert_eq!(
            behind(head, text, Some(40)),
            [
                "  commit    0123456789ab A subject that",
                "            is longer than the terminal",
                "            is wide",
            ]
        );
        assert_eq!(behind(head, text, None), [format!("{head}{text}")]);
        assert_eq!(behind(head, text, Some(100)), behind(head, text, None));
    }

    #[test]
    fn a_colour_is_each_line_s_own_and_a_word_that_is_too_long_is_cut() {
        let cell = format!("\u{1b}[31m{}\u{1b}[0m", "0123456789".repeat(3));
        assert_eq!(
            wrap(&cell, 20),
            ["\u{1b}[31m01234567890123456789\u{1b}[0m", "\u{1b}[31m0123456789\u{1b}[0m"]
        );
        for width in 0..60 {
            // However narrow: it ends, and a column keeps what can be read.
            let longest = plain(&[["a", &"word ".repeat(30), &"x".repeat(90)]], Some(width));
            let longest = longest.iter().map(|line| measure_text_width(line)).max().unwrap();
            assert!(longest <= width.max(4 + 2 * NARROWEST + 2 * GAP), "{width}: {longest}");
        }
    }
}
