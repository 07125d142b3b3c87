//! A terminal's screen, as far as our programs write on it: lines that are written again, colours, and no end at the bottom.

use std::str::Chars;

/// How a character looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// One of the terminal's eight: black, red, green, yellow, blue, magenta, cyan, white.
    pub colour: Option<usize>,
    pub bold: bool,
    pub dim: bool,
}

/// What is on the screen.
#[derive(Debug, Default)]
pub struct Screen {
    /// The rows from the top, each as the characters that were written.
    pub rows: Vec<Vec<(char, Style)>>,
    columns: usize,
    row: usize,
    column: usize,
    style: Style,
}

impl Screen {
    /// What is on it when this was written.
    pub fn after(output: &str, columns: usize) -> Screen {
        let mut screen = Screen { columns, ..Screen::default() };
        let mut rest = output.chars();
        while let Some(next) = rest.next() {
            match next {
                '\u{1b}' => screen.escape(&mut rest),
                '\r' => screen.column = 0,
                '\n' => screen.row += 1,
                '\u{8}' => screen.column = screen.column.saturating_sub(1),
                control if control.is_control() => {}
                seen => screen.put(seen),
            }
        }
        // Without what nobody sees at the ends of lines and of the screen.
        for row in &mut screen.rows {
            row.truncate(row.iter().rposition(|cell| cell.0 != ' ').map_or(0, |last| last + 1));
        }
        screen.rows.truncate(screen.rows.iter().rposition(|row| !row.is_empty()).map_or(0, |last| last + 1));
        screen
    }

    fn put(&mut self, seen: char) {
        if self.column == self.columns {
            (self.row, self.column) = (self.row + 1, 0);
        }
        let (column, style) = (self.column, self.style);
        let row = self.current();
        row.resize(row.len().max(column + 1), (' ', Style::default()));
        row[column] = (seen, style);
        self.column += 1;
    }

    fn current(&mut self) -> &mut Vec<(char, Style)> {
        self.rows.resize(self.rows.len().max(self.row + 1), Vec::new());
        &mut self.rows[self.row]
    }

    /// A control sequence (ECMA-48, 5.4), of those that indicatif and console write; or a title, which is not on the screen.
    fn escape(&mut self, rest: &mut Chars) {
        match rest.next() {
            Some('[') => {}
            Some(']') => return rest.by_ref().take_while(|it| !matches!(it, '\u{7}' | '\\')).for_each(drop),
            _ => return,
        }
        let (mut parameters, mut last) = (String::new(), None);
        for next in rest.by_ref() {
            if ('@'..='~').contains(&next) {
                last = Some(next);
                break;
            }
            parameters.push(next);
        }
        let numbers: Vec<usize> = parameters.split(';').map(|number| number.parse().unwrap_or(0)).collect();
        let (column, count) = (self.column, numbers[0].max(1));
        match (last, numbers[0]) {
            (Some('A'), _) => self.row = self.row.saturating_sub(count),
            (Some('B'), _) => self.row += count,
            (Some('K'), 2) => self.current().clear(),
            (Some('K'), 0) => self.current().truncate(column),
            (Some('J'), 0) => {
                self.current().truncate(column);
                self.rows.truncate(self.row + 1);
            }
            (Some('m'), _) => numbers.into_iter().for_each(|number| self.look(number)),
            _ => {}
        }
    }

    fn look(&mut self, number: usize) {
        let style = &mut self.style;
        match number {
            0 => *style = Style::default(),
            1 => style.bold = true,
            2 => style.dim = true,
            22 => (style.bold, style.dim) = (false, false),
            30..=37 => style.colour = Some(number - 30),
            39 => style.colour = None,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(output: &str) -> Vec<String> {
        let rows = Screen::after(output, 20).rows;
        rows.iter().map(|row| row.iter().map(|(seen, _)| seen).collect()).collect()
    }

    #[test]
    fn lines_that_are_written_again_are_seen_once() {
        // As indicatif does it for two bars, the first of which ends.
        let bars = "⠋ first\r\n· second\u{1b}[1A\r\u{1b}[2K✓ first  0.1 s\r\n\u{1b}[2K⠋ second";
        assert_eq!(lines(bars), ["✓ first  0.1 s", "⠋ second"]);
        assert_eq!(lines("10 %\r100 %\r\n\u{1b}[?25l\u{1b}]0;title\u{7}done\r\n\r\n"), ["100 %", "done"]);
        assert_eq!(lines("one\r\ntwo\r\nthree\u{1b}[2A\r\u{1b}[J"), Vec::<String>::new());
        // What `script` shows of the end of its own input.
        assert_eq!(lines("a\r\n^D\u{8}\u{8}b \u{1b}[K\r\n"), ["a", "b"]);
    }

    #[test]
    fn a_line_that_is_too_long_goes_on_in_the_next_one() {
        assert_eq!(lines("a line of more than twenty"), ["a line of more than", "twenty"]);
    }

    #[test]
    fn colours_are_those_of_the_moment() {
        let screen = Screen::after("\u{1b}[32m✓\u{1b}[0m \u{1b}[1;31mno\u{1b}[39;22m \u{1b}[2mx", 20);
        let (plain, dim) = (Style::default(), Style { dim: true, ..Style::default() });
        let (green, red) =
            (Style { colour: Some(2), ..plain }, Style { colour: Some(1), bold: true, ..plain });
        let row = [('✓', green), (' ', plain), ('n', red), ('o', red), (' ', plain), ('x', dim)];
        assert_eq!(screen.rows, [row]);
    }
}
