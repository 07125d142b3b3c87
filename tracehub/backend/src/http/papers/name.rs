//! What files are called: a label for people, from whoever sent the file, and never a path.

use std::fmt::Write as _;

use crate::text;

/// In characters.
pub const NAME: usize = 200;

/// What is shown of a name: the last part of a path, without what can't be seen.
pub fn label(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).find(|part| !part.trim().is_empty()).unwrap_or_default();
    let seen: String = last.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
    let seen = text::without_hidden(&seen);
    let (stem, end) = match seen.rsplit_once('.') {
        Some((stem, end)) if end.len() <= 10 => (stem, format!(".{end}")),
        _ => (seen.as_str(), String::new()),
    };
    let stem: String = stem.chars().take(NAME - 20).collect();
    let stem = if stem.trim().is_empty() { "paper" } else { &stem };
    text::plain(&format!("{stem}{end}"), NAME)
        .unwrap_or_else(|_| format!("paper.{}", ascii(&end)).trim_end_matches('.').to_owned())
}

/// As RFC 6266 has it: for old programs in ASCII, for the others as it is.
pub fn disposition(name: &str) -> String {
    let name = label(name);
    let mut encoded = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    format!("attachment; filename=\"{}\"; filename*=UTF-8''{encoded}", ascii(&name))
}

/// With an underscore for whatever some system could take for something else.
pub fn ascii(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || " -_.()".contains(c) { c } else { '_' };
    name.chars().map(plain).collect::<String>().trim_start_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_label_and_no_path() {
        for (sent, shown) in [
            ("B-L 12.pdf", "B-L 12.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\ada\\Facture n° 3.pdf", "Facture n° 3.pdf"),
            ("a\u{202E}fdp.exe", "afdp.exe"),
            ("two\nlines\0.pdf", "two lines.pdf"),
            ("", "paper"),
            ("/", "paper"),
            ("\u{200B}.pdf", "paper.pdf"),
            ("x\u{317}\u{317}\u{317}\u{317}\u{317}\u{317}.pdf", "paper.pdf"),
        ] {
            assert_eq!(label(sent), shown);
        }
        let long = label(&format!("{}.pdf", "é".repeat(5000)));
        assert!(long.chars().count() <= NAME && long.ends_with(".pdf"));
    }

    #[test]
    fn a_header_holds_no_more_than_the_name() {
        assert_eq!(
            disposition("Größe \"1\"; x.pdf"),
            "attachment; filename=\"Gr__e _1__ x.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22%3B%20x.pdf"
        );
    }
}
