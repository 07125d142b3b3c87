//! The images that TraceHub's own stand on, as rows.

use super::POSTGRES_UID;
use super::packages::{
    FLOCK, POSTGRES_17_SERVER, POSTGRES_PACKAGES, POSTGRES_SERVER, Packages, SHELL, SHIPPER_PACKAGES,
    SMALL_SYSTEM, Suite, TRIXIE_LIBRARIES, TRIXIE_SYSTEM,
};

/// The images that ours stand on. Where a registry answers they are pulled by their public name, elsewhere
/// assembled from the distribution's packages under a name of their own, with the same ports, users and paths.
pub const BASES: &[Base] =
    &[RUNTIME, CADDY, REGISTRY, POSTGRES, POSTGRES_17, SENDER, SHIPPER, ARCHIVER, ARCHIVER_17];

/// What the backend runs on.
pub const RUNTIME: Base = Base {
    name: "runtime",
    purpose: "the backend: a C library, certificates, time zones",
    public: Some("gcr.io/distroless/cc-debian12:latest"),
    packages: &[Packages { names: &["libstdc++6"], ..SMALL_SYSTEM }, SMALL_SYSTEM],
    user: None,
    folders: &[],
    settings: &["ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
    at_least: "2.36",
    proofs: &[&["ldconfig", "--version"]],
};

/// What the edge, the frontend and the guard run on.
pub const CADDY: Base = Base {
    name: "caddy",
    purpose: "the edge, the frontend's file server, and (with sh and flock) the guard",
    public: Some("docker.io/library/caddy:2.11-alpine"),
    packages: &[
        SMALL_SYSTEM,
        SHELL,
        FLOCK,
        Packages { names: &["media-types"], ..SMALL_SYSTEM },
        // Debian's stable releases have 2.6, which does not know `{file.…}`; unstable's needs no newer C library.
        Packages {
            suite: Suite::Newest("sid"),
            names: &["caddy"],
            only: &["usr/bin/caddy", "usr/share/caddy"],
        },
    ],
    user: None,
    folders: &["config/caddy", "data/caddy", "etc/caddy", "srv"],
    settings: &[
        "ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data",
        "EXPOSE 80 443 443/udp 2019",
        "WORKDIR /srv",
        r#"CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]"#,
    ],
    at_least: "2.11",
    proofs: &[
        &["caddy", "version"],
        &[
            "sh",
            "-c",
            "flock /srv true && date +%s >/srv/a && sync /srv/a && mv /srv/a /srv/b && stat /srv/b",
        ],
        // Nothing listens: that it says so is the proof.
        &["sh", "-c", "wget -q -O - http://127.0.0.1:1 2>&1 | grep refused"],
    ],
};

/// The registry of our own.
pub const REGISTRY: Base = Base {
    name: "registry",
    purpose: "images for hosts that come for them through the connection",
    public: Some("docker.io/library/registry:2"),
    packages: &[SMALL_SYSTEM, SHELL, Packages { names: &["docker-registry"], ..SMALL_SYSTEM }],
    user: None,
    folders: &["var/lib/registry"],
    settings: &["EXPOSE 5000", r#"CMD ["docker-registry", "serve", "/etc/docker/registry/config.yml"]"#],
    at_least: "2.8",
    proofs: &[&["docker-registry", "--version"]],
};

/// The database.
pub const POSTGRES: Base = Base {
    name: "postgres",
    purpose: "the database",
    public: Some("docker.io/library/postgres:15-bookworm"),
    packages: &[
        SMALL_SYSTEM,
        SHELL,
        FLOCK,
        Packages { names: POSTGRES_PACKAGES, ..SMALL_SYSTEM },
        POSTGRES_SERVER,
    ],
    user: Some(("postgres", POSTGRES_UID)),
    folders: &["var/lib/postgresql/data", "run/postgresql"],
    settings: &[
        "ENV PATH=/usr/lib/postgresql/15/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
        "ENV LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data",
        "EXPOSE 5432",
        r#"CMD ["postgres"]"#,
    ],
    at_least: "15.0",
    proofs: &[
        &["postgres", "--version"],
        &[
            "sh",
            "-ec",
            "initdb --locale=C.UTF-8 --encoding=UTF8 --no-sync >/dev/null && flock $PGDATA true
             pg_ctl --wait --log=/tmp/log start && psql --command='select version()' postgres
             pg_dump --format=custom postgres >/dev/null && pg_ctl --wait stop",
        ],
    ],
};

/// The database, of the next major version that an environment may go to (`cargo xtask db upgrade`). Each program is the same.
pub const POSTGRES_17: Base = Base {
    name: "postgres-17",
    public: Some("docker.io/library/postgres:17-trixie"),
    packages: &[TRIXIE_SYSTEM, SHELL, FLOCK, TRIXIE_LIBRARIES, POSTGRES_17_SERVER],
    settings: &[
        "ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
        "ENV LANG=C.UTF-8 PGDATA=/var/lib/postgresql/data",
        "EXPOSE 5432",
        r#"CMD ["postgres"]"#,
    ],
    at_least: "17.0",
    ..POSTGRES
};

/// What sends copies of backups off a host.
pub const SENDER: Base = Base {
    name: "sender",
    purpose: "sends copies of backups off a host, encrypted",
    public: None,
    packages: &[SMALL_SYSTEM, SHELL, FLOCK, Packages { names: &["age", "rclone"], ..SMALL_SYSTEM }],
    user: None,
    folders: &[],
    settings: &["ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt"],
    at_least: "1.60",
    proofs: &[
        &["rclone", "version"],
        &[
            "sh",
            "-ec",
            "age --version && flock /tmp true && tar -C /tmp -cf /tmp/a.tar . && stat -f -c '%a %S' /tmp",
        ],
    ],
};

/// Images that only builds stand on, by name: never assembled, and no host runs one as it is. In a Dockerfile, `RUST_IMAGE` is
/// the one called `rust`.
pub const BUILD_IMAGES: &[(&str, &str)] = &[
    ("rust", "docker.io/library/rust:1-bookworm"),
    ("node", "docker.io/library/node:22-bookworm-slim"),
    DEBIAN,
];

/// What [`SENDER_DOCKERFILE`] and [`SHIPPER_DOCKERFILE`] stand on.
pub const DEBIAN: (&str, &str) = ("debian", "docker.io/library/debian:bookworm-slim");

/// For what a public image must be there: hosts and workflows have the first, some developers the second.
pub const PLATFORMS: &[&str] = &["linux/amd64", "linux/arm64"];

/// What follows `FROM` when the host's own engine makes [`SENDER`], where hosts reach public registries: no public image has both
/// programs. Of the same packages, signed by the distribution.
pub const SENDER_DOCKERFILE: &str = "\
RUN apt-get update \\
    && apt-get install --yes --no-install-recommends age ca-certificates rclone \\
    && rm -rf /var/lib/apt/lists/*
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
";

/// What archives the database's WAL off a host, and recovers a moment of it: by the same server.
pub const ARCHIVER: Base = Base {
    name: "archiver",
    purpose: "archives the database's WAL off a host, encrypted",
    public: None,
    packages: &[
        SMALL_SYSTEM,
        SHELL,
        FLOCK,
        Packages { names: POSTGRES_PACKAGES, ..SMALL_SYSTEM },
        POSTGRES_SERVER,
        Packages { names: &["libbz2-1.0"], ..SMALL_SYSTEM },
        // What else is in it, in Perl, is for who has several clusters.
        Packages { names: &["pgbackrest"], only: &["usr/bin/pgbackrest"], ..SMALL_SYSTEM },
    ],
    at_least: "2.45",
    proofs: &[
        &["pgbackrest", "version"],
        &["sh", "-ec", "pg_controldata --version && flock /tmp true && stat -f -c '%a %S' /tmp"],
    ],
    ..POSTGRES
};

/// The same beside [`POSTGRES_17`].
pub const ARCHIVER_17: Base = Base {
    name: "archiver-17",
    packages: &[
        TRIXIE_SYSTEM,
        SHELL,
        FLOCK,
        TRIXIE_LIBRARIES,
        POSTGRES_17_SERVER,
        Packages { names: &["libbz2-1.0", "libssh2-1t64"], ..TRIXIE_SYSTEM },
        Packages { names: &["pgbackrest"], only: &["usr/bin/pgbackrest"], ..TRIXIE_SYSTEM },
    ],
    settings: POSTGRES_17.settings,
    ..ARCHIVER
};

/// What follows the platform's own image of the database when the host's engine makes [`ARCHIVER`].
pub const ARCHIVER_DOCKERFILE: &str = "\
RUN apt-get update \\
    && apt-get install --yes --no-install-recommends ca-certificates pgbackrest \\
    && rm -rf /var/lib/apt/lists/*
";

/// What ships the logs off a host.
pub const SHIPPER: Base = Base {
    name: "shipper",
    purpose: "ships the logs off a host",
    public: None,
    packages: &[
        SMALL_SYSTEM,
        SHELL,
        Packages { names: SHIPPER_PACKAGES, ..SMALL_SYSTEM },
        // What else is in it is for the system's own log.
        Packages { names: &["syslog-ng-core"], only: &["usr/sbin", "usr/lib/syslog-ng"], ..SMALL_SYSTEM },
    ],
    user: None,
    folders: &["var/lib/syslog-ng"],
    settings: &[],
    at_least: "3.38",
    proofs: &[
        &["sh", "-c", "syslog-ng --version | sed -n 's/.*(\\([0-9.]*\\)).*/\\1/p' | head -n 1"],
        &[
            "sh",
            "-ec",
            "command -v syslog-ng-ctl
             cat >/tmp/conf <<'END'
@version: 3.38
source kept { wildcard-file(base-dir('/tmp') filename-pattern('a') monitor-method('poll')); };
parser line { regexp-parser(patterns('a')); };
parser moment { date-parser(format('%s')); };
parser decoded { json-parser(); };
destination loki { http(url('https://a') tls(peer-verify(yes)) disk-buffer(reliable(yes) disk-buf-size(9000000) dir('/tmp'))); };
destination tls { syslog('a' transport('tls') tls(peer-verify(required-trusted))); };
log { source(kept); parser(line); parser(moment); parser(decoded); destination(loki); destination(tls); };
END
             syslog-ng --syntax-only --no-caps --cfgfile=/tmp/conf --persist-file=/tmp/positions",
        ],
    ],
};

/// The same, where hosts reach public registries, as with the sender's.
pub const SHIPPER_DOCKERFILE: &str = "\
RUN apt-get update \\
    && apt-get install --yes --no-install-recommends ca-certificates syslog-ng-core syslog-ng-mod-http \\
    && rm -rf /var/lib/apt/lists/*
";

/// A major version of PostgreSQL that an environment may run.
#[derive(Debug, Clone, Copy)]
pub struct Major {
    /// 15, 17.
    pub number: u32,
    /// Its server.
    pub server: &'static Base,
    /// What archives its WAL.
    pub archiver: &'static Base,
}

/// The major versions that there are images of, oldest first.
pub const MAJORS: &[Major] = &[
    Major { number: 15, server: &POSTGRES, archiver: &ARCHIVER },
    Major { number: 17, server: &POSTGRES_17, archiver: &ARCHIVER_17 },
];

/// A base image.
#[derive(Debug, Clone, Copy)]
pub struct Base {
    /// How the rest of xtask calls it.
    pub name: &'static str,
    /// What stands on it.
    pub purpose: &'static str,
    /// Its name in a public registry, where that has one.
    pub public: Option<&'static str>,
    /// What it is made of when no registry answers. Dependencies that are not listed are left out on purpose.
    pub packages: &'static [Packages],
    /// A user of the same name and number as in the public image.
    pub user: Option<(&'static str, u32)>,
    /// Folders that the public image has; they belong to the user.
    pub folders: &'static [&'static str],
    /// Lines of a Dockerfile.
    pub settings: &'static [&'static str],
    /// The least version that will do, of what the first proof asks.
    pub at_least: &'static str,
    /// Commands that must end well in a container of it.
    pub proofs: &'static [&'static [&'static str]],
}
