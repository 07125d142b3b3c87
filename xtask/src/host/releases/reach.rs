//! What a release's compose file must not ask for: whatever reaches beyond its own containers. A release is replaced in a
//! moment and by any commit; the host, its ports and other people's files are not its to take.

use camino::Utf8PathBuf;
use serde_json::Value;

/// The one capability that the public Caddy image's program does not start without.
const ALLOWED_CAPABILITY: &str = "NET_BIND_SERVICE";
/// What a service may share with the host, by its key in compose.
const NAMESPACES: [&str; 5] = ["network_mode", "pid", "ipc", "uts", "userns_mode"];

/// What reaches beyond the release in a compose file, as `compose config --format json` has it, in words. Only these folders of
/// the host may be mounted, with what is in them, and these volumes, which the platform has made.
pub fn beyond(config: &Value, folders: &[Utf8PathBuf], volumes: &[String]) -> Vec<String> {
    let is_platforms = |source: &str| {
        let volume = &config["volumes"][source];
        volume["external"] == true
            && volume["name"].as_str().is_some_and(|name| volumes.iter().any(|it| it == name))
    };
    let services = config["services"].as_object().into_iter().flatten();
    let of_service = |(name, service): (&String, &Value)| {
        let found: Vec<String> = asks_for(service, folders, &is_platforms)
            .into_iter()
            .map(|what| format!("{name} {what}"))
            .collect();
        found
    };
    services.flat_map(of_service).collect()
}

fn asks_for(service: &Value, folders: &[Utf8PathBuf], is_platforms: &dyn Fn(&str) -> bool) -> Vec<String> {
    let all = |key: &str| service[key].as_array().cloned().unwrap_or_default();
    let mut found = Vec::new();
    if service["privileged"] == true {
        found.push("is privileged: it would be root on the host".to_owned());
    }
    for port in all("ports") {
        let port = &port["published"];
        found.push(format!("publishes the port {port}: users come by the edge alone"));
    }
    for key in NAMESPACES.iter().filter(|key| service[**key] == "host") {
        found.push(format!("has the host's own {key}"));
    }
    for option in all("security_opt").iter().filter(|option| option.to_string().contains("unconfined")) {
        found.push(format!("takes off a limit: {option}"));
    }
    for capability in all("cap_add").iter().filter(|it| *it != ALLOWED_CAPABILITY) {
        found.push(format!("has the capability {capability}"));
    }
    for device in all("devices") {
        found.push(format!("has the device {}", device["source"]));
    }
    let is_own = |mount: &&Value| match (mount["type"].as_str(), mount["source"].as_str()) {
        (Some("tmpfs"), _) => true,
        (Some("bind"), Some(source)) => folders.iter().any(|folder| {
            Utf8PathBuf::from(source).starts_with(folder) && !source.split('/').any(|part| part == "..")
        }),
        (Some("volume"), Some(source)) => is_platforms(source),
        _ => false,
    };
    for mount in all("volumes").iter().filter(|mount| !is_own(mount)) {
        found.push(format!("mounts {}, which outlives it or is not its own", mount["source"]));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(service: Value) -> Vec<String> {
        let volumes = json!({
            "papers": { "name": "app-papers", "external": true },
            "others": { "name": "other-papers", "external": true },
            "own": { "name": "app-papers" },
        });
        beyond(
            &json!({ "services": { "api": service }, "volumes": volumes }),
            &["/srv/app/live".into(), "/srv/app/secrets".into()],
            &["app-papers".to_owned()],
        )
    }

    #[test]
    fn what_is_a_release_s_own_is_allowed() {
        let bind =
            |source: &str| json!({ "type": "bind", "source": source, "target": "/x", "read_only": true });
        let service = json!({
            "cap_add": ["NET_BIND_SERVICE"],
            "security_opt": ["no-new-privileges:true"],
            "volumes": [bind("/srv/app/live"), bind("/srv/app/secrets/key/1"), { "type": "tmpfs", "target": "/tmp" },
                { "type": "volume", "source": "papers", "target": "/papers" }],
        });
        assert_eq!(found(service), [""; 0]);
    }

    #[test]
    fn whatever_reaches_beyond_it_is_named() {
        let bind =
            |source: &str| json!({ "volumes": [{ "type": "bind", "source": source, "target": "/x" }] });
        for (service, word) in [
            (json!({ "privileged": true }), "privileged"),
            (json!({ "ports": [{ "target": 80, "published": "8000" }] }), "publishes the port \"8000\""),
            (json!({ "network_mode": "host" }), "network_mode"),
            (json!({ "pid": "host" }), "pid"),
            (json!({ "security_opt": ["seccomp:unconfined"] }), "unconfined"),
            (json!({ "cap_add": ["SYS_ADMIN"] }), "SYS_ADMIN"),
            (json!({ "devices": [{ "source": "/dev/kmsg" }] }), "/dev/kmsg"),
            (bind("/var/run/docker.sock"), "docker.sock"),
            (bind("/srv/app/secrets/../../../etc"), "etc"),
            (bind("/srv/app/secrets-of-others"), "secrets-of-others"),
            (json!({ "volumes": [{ "type": "volume", "source": "a-volume", "target": "/x" }] }), "a-volume"),
            (json!({ "volumes": [{ "type": "volume", "source": "others", "target": "/x" }] }), "others"),
            (json!({ "volumes": [{ "type": "volume", "source": "own", "target": "/x" }] }), "own"),
        ] {
            let found = found(service);
            assert!(
                found.len() == 1 && found[0].starts_with("api ") && found[0].contains(word),
                "{word}: {found:?}"
            );
        }
    }
}
