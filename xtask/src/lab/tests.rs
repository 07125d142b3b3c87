use super::*;

fn lab(hosts: u16) -> Lab {
    let host = |number: u16| Vps {
        container: format!("app-lab-1a2b3c-{number}"),
        ssh: 2200 + number,
        http: 8000 + number,
        https: 8400 + number,
        host_key: format!("ssh-ed25519 AAAA{number}"),
    };
    Lab {
        name: "app-lab-1a2b3c".to_owned(),
        registry: 5000,
        registry_read_only: 5001,
        hosts: (1..=hosts).map(host).collect(),
        authority: None,
    }
}

fn value(lab: &Lab, name: &str) -> Option<String> {
    lab.variables().into_iter().find(|(found, _)| found == name).map(|(_, value)| value)
}

#[test]
fn the_first_machine_is_the_lab_s_and_staging_s_and_the_second_production_s() {
    let two = lab(2);
    for (name, expected) in [
        ("LAB_PORT", "2201"),
        ("STAGING_PORT", "2201"),
        ("STAGING_HOST", "127.0.0.1"),
        ("STAGING_USER", "deploy"),
        ("STAGING_HOST_KEY", "ssh-ed25519 AAAA1"),
        ("STAGING_URL", "http://127.0.0.1:8001"),
        ("PRODUCTION_PORT", "2202"),
        ("PRODUCTION_HOST_KEY", "ssh-ed25519 AAAA2"),
        ("REGISTRY", "localhost:5000"),
        ("REGISTRY_READ_ONLY_PORT", "5001"),
    ] {
        assert_eq!(value(&two, name).as_deref(), Some(expected), "{name}");
    }
    assert!(value(&two, "STAGING_LEDGER_KEY").is_some_and(|path| path.ends_with(".local/lab/ledger")));
}

#[test]
fn with_one_machine_nothing_is_said_of_production() {
    assert!(!lab(1).variables().iter().any(|(name, _)| name.starts_with("PRODUCTION_")));
}

#[test]
fn with_an_authority_each_machine_has_a_name_that_it_certifies() {
    let directory = "https://172.17.0.9/acme/local/directory".to_owned();
    let lab = Lab { authority: Some(Authority { container: "ca".to_owned(), directory }), ..lab(2) };
    assert_eq!(value(&lab, "STAGING_URL").as_deref(), Some("https://app-lab-1a2b3c-1.test:8401"));
    assert_eq!(value(&lab, "STAGING_ACME").as_deref(), Some("https://172.17.0.9/acme/local/directory"));
    assert!(value(&lab, "PRODUCTION_ACME_ROOT").is_some_and(|it| it.ends_with("authority.pem")));
}

#[test]
fn a_lab_is_remembered_as_it_was() {
    let remembered = serde_json::to_string(&lab(3)).unwrap();
    assert_eq!(serde_json::from_str::<Lab>(&remembered).unwrap(), lab(3));
}

#[test]
fn ports_are_all_different() {
    let mut ports: [u16; 5] = free_ports::find().unwrap();
    ports.sort_unstable();
    assert!(ports.windows(2).all(|pair| pair[0] < pair[1]), "{ports:?}");
}
