use super::*;

const NOW: &str = "2026-01-03T12:00:00Z";
const LATER: &str = "2026-01-03T12:00:01Z";

fn file() -> (SealedFile, DataKey) {
    let key = DataKey::made().unwrap();
    let for_one = vec![SealedKey {
        recipient: "age1one".to_owned(),
        armoured: "-----BEGIN\nabc\n-----END\n".to_owned(),
    }];
    let file = SealedFile::new(&key, for_one, NOW).unwrap();
    let values = [
        ("FIRST", Some("a value")),
        ("KEY", Some("-----BEGIN X-----\nabc=\n-----END X-----\n")),
        ("LAST", Some("é = \"'$#\\")),
    ];
    (file.with(&key, &values, NOW).unwrap(), key)
}

fn lines_that_differ(one: &SealedFile, other: &SealedFile) -> Vec<String> {
    let (one, other) = (one.to_string(), other.to_string());
    let pairs = one.lines().zip(other.lines()).filter(|(a, b)| a != b);
    pairs.map(|(line, _)| line.split('=').next().unwrap().to_owned()).collect()
}

#[test]
fn what_was_written_is_read_back_and_no_value_stands_in_the_file() {
    let (file, key) = file();
    let text = file.to_string();
    let values = SealedFile::parse(&text).unwrap().open(&key).unwrap();
    assert_eq!(values[0], ("FIRST".to_owned(), "a value".to_owned()));
    assert_eq!(values[1].1, "-----BEGIN X-----\nabc=\n-----END X-----\n");
    assert_eq!(values[2].1, "é = \"'$#\\");
    for value in ["a value", "abc=", "é ="] {
        assert!(!text.contains(value), "{text}");
    }
    assert!(!format!("{key:?}").contains('['), "a log must not have the key");
}

#[test]
fn one_changed_value_changes_three_lines_and_the_same_value_none_of_its_own() {
    let (file, key) = file();
    let changed = file.with(&key, &[("KEY", Some("another"))], LATER).unwrap();
    assert_eq!(lines_that_differ(&file, &changed), ["KEY", "sops_lastmodified", "sops_mac"]);
    let same =
        file.with(&key, &[("KEY", Some("-----BEGIN X-----\nabc=\n-----END X-----\n"))], LATER).unwrap();
    assert_eq!(lines_that_differ(&file, &same), ["sops_lastmodified", "sops_mac"]);
    let gone = changed.with(&key, &[("KEY", None)], LATER).unwrap();
    assert_eq!(gone.names().collect::<Vec<_>>(), ["FIRST", "LAST"]);
}

#[test]
fn whoever_changes_the_file_without_the_key_is_found_out() {
    let (file, key) = file();
    let text = file.to_string();
    let line = |name: &str| text.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    let value = |name: &str| line(name).split_once('=').unwrap().1.to_owned();
    let without = |name: &str| text.replace(&format!("{}\n", line(name)), "");
    let forged = [
        (
            "two values swapped",
            text.replace(&value("FIRST"), "x")
                .replace(&value("LAST"), &value("FIRST"))
                .replace("FIRST=x", &format!("FIRST={}", value("LAST"))),
        ),
        ("a value removed", without("LAST")),
        (
            "a plain value added",
            text.replace("sops_age__list_0__map_enc", "OTHER_unencrypted=1\nsops_age__list_0__map_enc"),
        ),
        // The MAC is over the values alone, and would fit both.
        (
            "an empty value added",
            text.replace("sops_age__list_0__map_enc", "OTHER=\nsops_age__list_0__map_enc"),
        ),
        (
            "a value that somebody knows put there plain",
            text.replace(&line("FIRST"), "x_unencrypted=a value"),
        ),
        (
            "two lines moved",
            without("FIRST").replace(&line("LAST"), &format!("{}\n{}", line("LAST"), line("FIRST"))),
        ),
        ("a comment in the open", format!("# the old one: hunter2\n{text}")),
        ("an older time", text.replace(NOW, "2025-01-03T12:00:00Z")),
        ("one letter", text.replacen("data:", "data:A", 1)),
    ];
    for (what, forged) in forged {
        assert_ne!(forged, text, "{what}");
        let opened = SealedFile::parse(&forged).and_then(|file| file.open(&key));
        assert!(opened.is_err(), "{what}");
    }
    assert!(file.open(&DataKey::made().unwrap()).is_err(), "another key");
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    let (file, key) = file();
    let text = file.to_string();
    let until_own_lines_end = text.find("sops_unencrypted_suffix").unwrap();
    for cut in (0..until_own_lines_end).filter(|cut| text.is_char_boundary(*cut)) {
        let opened = SealedFile::parse(&text[..cut]).and_then(|file| file.open(&key));
        // But for the end of its last line.
        assert!(opened.is_err() || cut + 1 == until_own_lines_end, "cut at {cut}: {}", &text[..cut]);
    }
}

#[test]
fn what_would_not_come_back_as_it_was_given_is_refused_by_name_and_never_by_value() {
    let long = "x".repeat(MAX_VALUE + 1);
    for value in ["", "with a \\n in it", "nul\0nul", "carriage\r\nreturn", &long] {
        let error = format!("{:#}", check("NAME", value).unwrap_err());
        assert!(error.contains("NAME") && (value.is_empty() || !error.contains(value)), "{error}");
    }
    for name in ["", "lower", "A=B", "A B", "A\n"] {
        assert!(check(name, "value").is_err(), "{name}");
    }
}

#[test]
fn lines_of_sops_that_mean_something_else_are_refused_and_not_dropped() {
    let (file, _) = file();
    let text = file.to_string();
    for line in ["sops_kms__list_0__map_arn=x", "sops_mac_only_encrypted=true", "sops_shamir_threshold=2"] {
        let error = format!("{:#}", SealedFile::parse(&format!("{text}{line}\n")).unwrap_err());
        assert!(error.contains(line.split('=').next().unwrap()), "{error}");
    }
    let error = format!("{:#}", SealedFile::parse(&text.replace('\n', "\r\n")).unwrap_err());
    assert!(error.contains("CRLF"), "{error}");
    let plain = text.replacen(text.lines().next().unwrap(), "FIRST=a plain value", 1);
    let error = format!("{:#}", SealedFile::parse(&plain).unwrap_err());
    assert!(error.contains("FIRST is not encrypted") && !error.contains("a plain value"), "{error}");
}

#[test]
fn with_another_data_key_every_value_is_another_line() {
    let (file, key) = file();
    let new = DataKey::made().unwrap();
    let other = file.for_others(&key, &new, file.keys().to_vec(), LATER).unwrap();
    let differ = lines_that_differ(&file, &other);
    assert!(["FIRST", "KEY", "LAST"].iter().all(|name| differ.contains(&(*name).to_owned())), "{differ:?}");
    assert_eq!(other.open(&new).unwrap(), file.open(&key).unwrap());
    assert!(other.open(&key).is_err());
}
