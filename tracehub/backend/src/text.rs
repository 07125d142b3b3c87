//! Texts that people write: one rule for all of them, which the database holds as well (`is_plain`).
//!
//! Composed (NFC), one line, nothing in it that can't be seen, no more marks on a letter than writing needs, and no longer
//! than it may be. What only looks different (composition, kinds of spaces) is put right; what can't be seen is refused,
//! since somebody put it there.

mod characters;

use unicode_normalization::UnicodeNormalization;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

/// As many marks may be on one letter: Hebrew with points and cantillation needs four.
const MARKS: usize = 4;

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// Nothing is in it, but perhaps spaces.
    #[error("must not be empty")]
    Empty,
    /// More characters than may be.
    #[error("must not be longer than {0} characters")]
    TooLong(usize),
    /// More than one line.
    #[error("must be a single line of text")]
    Lines,
    /// A character that nobody sees.
    #[error("must hold only characters that can be seen, and not U+{code:04X}", code = u32::from(*.0))]
    Hidden(char),
    /// More marks than belong on a letter, or on none.
    #[error("must not hold more than {MARKS} accents on one letter, nor one without a letter")]
    Marks,
    /// No mail address.
    #[error("must be a mail address, such as ada@example.com")]
    NoAddress,
}

/// A mail address as it is kept: in small letters, and its domain as the network has it (IDNA).
///
/// # Errors
/// When it is no plain text, or none that a mail server takes: its first part must be ASCII, and its domain have a dot.
pub fn address(text: &str, longest: usize) -> Result<String, Wrong> {
    let plain = plain(text, longest)?.to_lowercase();
    let address = plain.rsplit_once('@').and_then(|(who, domain)| {
        let domain = (!domain.contains('%')).then(|| url::Host::parse(domain).ok())??;
        let url::Host::Domain(domain) = domain else { return None };
        let domain = domain.trim_end_matches('.');
        let has_dot = domain.split('.').count() > 1 && domain.split('.').all(|label| !label.is_empty());
        let address = format!("{who}@{domain}");
        (has_dot && who.is_ascii() && address.parse::<lettre::Address>().is_ok()).then_some(address)
    });
    let address = address.ok_or(Wrong::NoAddress)?;
    if address.chars().count() > longest { Err(Wrong::TooLong(longest)) } else { Ok(address) }
}

/// The text as it is kept.
///
/// # Errors
/// When it is not of the one form that texts have here.
pub fn plain(text: &str, longest: usize) -> Result<String, Wrong> {
    let composed: String = text.nfc().collect();
    let words = composed.split(is_space).filter(|word| !word.is_empty());
    let plain = words.collect::<Vec<_>>().join(" ");
    if plain.is_empty() {
        return Err(Wrong::Empty);
    }
    // As it was sent, as well: that is what the API's document speaks of.
    if text.chars().count().max(plain.chars().count()) > longest {
        return Err(Wrong::TooLong(longest));
    }
    if plain.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        return Err(Wrong::Lines);
    }
    if let Some(hidden) = plain.chars().find(|character| characters::is_hidden(*character)) {
        return Err(Wrong::Hidden(hidden));
    }
    if plain.starts_with(characters::is_mark) || most_marks(&plain) > MARKS {
        return Err(Wrong::Marks);
    }
    Ok(plain)
}

/// The same without what can't be seen: for what nobody typed, such as the name of a file.
pub fn without_hidden(text: &str) -> String {
    text.chars().filter(|character| !characters::is_hidden(*character)).collect()
}

/// What a text of so many characters at most may be, for the API's document.
pub fn schema<const LONGEST: usize>() -> Object {
    let schema = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    schema.min_length(Some(1)).max_length(Some(LONGEST)).pattern(Some(pattern())).build()
}

/// Like `schema`, where there may be none.
pub fn optional<const LONGEST: usize>() -> Object {
    let schema = ObjectBuilder::new().schema_type(SchemaType::Array(vec![Type::String, Type::Null]));
    schema.min_length(Some(1)).max_length(Some(LONGEST)).pattern(Some(pattern())).build()
}

/// What may be searched for: any part of such a text, or nothing.
pub fn searched<const LONGEST: usize>() -> Object {
    let schema = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    let nothing_hidden = format!("^[^{}]*$", characters::hidden_in_brackets());
    schema.max_length(Some(LONGEST)).pattern(Some(nothing_hidden)).build()
}

/// Something that can be seen, and nothing that can't. All of the rule but how many marks may be on a letter, and those of
/// rarer scripts at the beginning.
fn pattern() -> String {
    let hidden = characters::hidden_in_brackets();
    let spaces = r"\u0020\u00A0\u1680\u2000-\u200A\u202F\u205F\u3000";
    let marks = r"\u0300-\u036F\u0483-\u0489\u20D0-\u20FF";
    format!("^[{spaces}]*[^{spaces}{marks}{hidden}][^{hidden}]*$")
}

/// Unicode's separators of words: all of them become the plain one.
fn is_space(character: char) -> bool {
    matches!(
        character,
        ' ' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}'
    )
}

fn most_marks(text: &str) -> usize {
    let (most, _) = text.chars().fold((0, 0), |(most, run), character| {
        let run = if characters::is_mark(character) { run + 1 } else { 0 };
        (most.max(run), run)
    });
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_different_is_put_right() {
        for (written, kept) in [
            ("Cocoa beans, 25 t", "Cocoa beans, 25 t"),
            ("  Tema\u{A0} \u{3000}Hafen ", "Tema Hafen"),
            ("Abidja\u{302}n", "Abidjân"),
            ("Zürich 中文 العربية 📦", "Zürich 中文 العربية 📦"),
            ("שִׁ֖", "ש\u{5B4}\u{5C1}\u{596}"),
        ] {
            assert_eq!(plain(written, 64).unwrap(), kept);
        }
    }

    #[test]
    fn what_no_reader_can_see_is_refused() {
        for (written, wrong) in [
            ("", Wrong::Empty),
            (" \u{3000}\u{A0}", Wrong::Empty),
            ("a\nb", Wrong::Lines),
            ("a\u{2028}b", Wrong::Lines),
            ("a\tb", Wrong::Hidden('\t')),
            ("a\0", Wrong::Hidden('\0')),
            ("A\u{200B}1", Wrong::Hidden('\u{200B}')),
            ("\u{FEFF}A-1", Wrong::Hidden('\u{FEFF}')),
            ("a\u{202E}fdp.exe", Wrong::Hidden('\u{202E}')),
            ("\u{3164}", Wrong::Hidden('\u{3164}')),
            ("\u{2800}", Wrong::Hidden('\u{2800}')),
            ("\u{E0041}", Wrong::Hidden('\u{E0041}')),
        ] {
            assert_eq!(plain(written, 64), Err(wrong), "{}", written.escape_unicode());
        }
        assert_eq!(
            Wrong::Hidden('\u{200B}').to_string(),
            "must hold only characters that can be seen, and not U+200B"
        );
    }

    #[test]
    fn an_address_is_one_that_a_mail_server_takes() {
        for (written, kept) in [
            ("Ada+Tag@Example.COM", "ada+tag@example.com"),
            ("ada@Söhne.example", "ada@xn--shne-5qa.example"),
            ("o'brien_1@a-b.co.uk", "o'brien_1@a-b.co.uk"),
        ] {
            assert_eq!(address(written, 254).as_deref(), Ok(kept));
        }
        for wrong in [
            "é@example.com",
            "a@b",
            "a@",
            "@example.com",
            "a@1.2.3.4",
            "a@[::1]",
            "a b@example.com",
            "a@exa%6dple.com",
            "a@a..com",
            "<a@example.com",
            "a,b@example.com",
            "a@b@example.com",
            "a@example.com>",
        ] {
            assert_eq!(address(wrong, 254), Err(Wrong::NoAddress), "{wrong}");
        }
    }

    #[test]
    fn letters_and_their_marks_are_bounded() {
        assert!(plain(&"é".repeat(64), 64).is_ok());
        assert_eq!(plain(&"é".repeat(65), 64), Err(Wrong::TooLong(64)));
        // As long as it was sent, and as long as it is kept: some characters are two when composed.
        assert_eq!(plain(&format!("a{}", " ".repeat(64)), 64), Err(Wrong::TooLong(64)));
        assert_eq!(plain(&"\u{958}".repeat(33), 64), Err(Wrong::TooLong(64)));
        assert!(plain(&format!("x{}", "\u{317}".repeat(4)), 64).is_ok());
        assert_eq!(plain(&format!("x{}", "\u{317}".repeat(5)), 64), Err(Wrong::Marks));
        assert_eq!(plain("\u{317}x", 64), Err(Wrong::Marks));
    }
}
