use super::*;

const KEY: &str = "a key that is longer than 32 bytes";

fn read(variables: &[(&str, &str)]) -> Result<Settings, Wrong> {
    let variables: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::read(&move |name| {
        variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
    })
}

#[test]
fn everything_that_is_missing_or_wrong_is_said_at_once() {
    let said = read(&[
        ("LISTEN_ADDRESS", "somewhere"),
        ("RELEASE", "two\nlines"),
        ("WORK_EVERY", "0"),
        ("LISTEN_BACKLOG", "many"),
    ])
    .unwrap_err()
    .to_string();
    for expected in [
        "LISTEN_ADDRESS",
        "DATABASE_URL is missing",
        "JWT_SECRET (or JWT_SECRET_FILE) is missing",
        "RELEASE",
        "WORK_EVERY",
        "LISTEN_BACKLOG",
    ] {
        assert!(said.contains(expected), "{expected:?} is not in {said}");
    }
}

#[test]
fn a_secret_is_read_from_its_file_without_the_last_line_end() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{KEY}\n")).unwrap();
    let path = file.path().to_str().unwrap();
    let settings =
        read(&[("DATABASE_URL", "postgres://app@db/tracehub"), ("JWT_SECRET_FILE", path)]).unwrap();
    assert_eq!(settings.jwt_secret.expose_secret(), KEY);
}

#[test]
fn a_secret_that_is_given_twice_is_refused() {
    let said = read(&[
        ("DATABASE_URL", "postgres://app@db/tracehub"),
        ("JWT_SECRET", KEY),
        ("JWT_SECRET_FILE", "x"),
    ]);
    assert!(said.unwrap_err().to_string().contains("JWT_SECRET and JWT_SECRET_FILE are both set"));
}

#[test]
fn a_secret_file_that_is_not_there_is_named() {
    let said = read(&[("DATABASE_URL", "postgres://app@db/tracehub"), ("JWT_SECRET_FILE", "/nowhere/key")]);
    assert!(said.unwrap_err().to_string().contains("/nowhere/key"));
}

#[test]
fn a_short_key_is_refused_and_not_repeated() {
    let said =
        read(&[("DATABASE_URL", "postgres://app@db/tracehub"), ("JWT_SECRET", "short-one")]).unwrap_err();
    assert!(said.to_string().contains("32 bytes") && !said.to_string().contains("short-one"));
}

#[test]
fn mail_wants_a_server_and_the_address_of_the_page_and_is_off_without_a_server() {
    let with = |more: &[(&'static str, &'static str)]| {
        read(&[&[("DATABASE_URL", "postgres://app@db/tracehub"), ("JWT_SECRET", KEY)], more].concat())
    };
    let smtp = ("SMTP_URL", "smtps://mail.example?from=tracehub@example.org");
    assert!(with(&[("SITE_URL", "https://tracehub.example")]).unwrap().mail.is_none());
    assert!(with(&[("SMTP_URL", "")]).unwrap().mail.is_none());
    let settings = with(&[smtp, ("SITE_URL", "https://tracehub.example/")]).unwrap();
    assert_eq!(settings.mail.unwrap().site, "https://tracehub.example");
    for site in ["", "tracehub.example", "https://tracehub.example/somewhere", "ftp://tracehub.example"] {
        assert!(with(&[smtp, ("SITE_URL", site)]).unwrap_err().to_string().contains("SITE_URL is"), "{site}");
    }
    let wrong = with(&[
        ("SMTP_URL", concat!("smtps://a:", "hush-hush@mail.example")),
        ("SITE_URL", "https://tracehub.example"),
    ]);
    let said = wrong.unwrap_err().to_string();
    let site = ("SITE_URL", "https://tracehub.example");
    let open = with(&[("SMTP_URL", "smtp://mail.example?from=a@mail.example"), site]);
    assert!(open.unwrap_err().to_string().contains("in the open"));
    assert!(with(&[("SMTP_URL", "smtp://127.0.0.1:25?from=a@mail.example"), site]).is_ok());
    assert!(said.contains("SMTP_URL: it is not smtps://") && !said.contains("hush-hush"), "{said}");
}

#[test]
fn printing_the_settings_prints_no_secret() {
    let variables = [
        ("DATABASE_URL", "postgres://app@db/tracehub"),
        ("DATABASE_PASSWORD", "hush-hush"),
        ("JWT_SECRET", KEY),
        ("SITE_URL", "https://tracehub.example"),
        ("SMTP_URL", concat!("smtps://a:", "hush-hush@mail.example?from=a@mail.example")),
    ];
    let printed = format!("{:?}", read(&variables).unwrap());
    assert!(!printed.contains(KEY) && !printed.contains("hush-hush"), "{printed}");
}
