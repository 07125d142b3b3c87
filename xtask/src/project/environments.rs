//! The environments: typed constants, not files.

use std::str::FromStr;
use std::time::Duration;

use camino::Utf8PathBuf;

use super::{DEPLOY, NAME, local_dir, root};

/// Where a release runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// `local`, `staging`, `production`, `lab`, or `test-…` for a test's own.
    pub name: String,
    /// How long the parts of a rollout may take here.
    pub limits: Limits,
    /// The machine that it is on.
    pub site: Site,
}

/// The machine that an environment is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Site {
    /// This one. The edge listens on the loopback, at this port or the next free one.
    Here {
        /// The first port to try.
        port: u16,
    },
    /// One behind ssh, that the variables with this prefix name: `STAGING_HOST`, …
    Remote {
        /// In front of the variables' names, without the underscore.
        prefix: &'static str,
        /// The name that users know it by, unless the variable `…_URL` says otherwise.
        domain: &'static str,
    },
}

/// How long the parts of a rollout may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a new release is watched after the switch before it is confirmed.
    pub bake: Duration,
    /// How long a release may take to be ready.
    pub ready: Duration,
    /// How long a release that lost the traffic gets to finish what it has.
    pub drain: Duration,
    /// How many releases are kept whole on the host.
    pub kept_releases: usize,
}

/// The limits of `local`; of the lab and of test environments too, but for [`TRIED`].
pub const LOCAL_LIMITS: Limits = Limits {
    bake: Duration::from_secs(2),
    ready: Duration::from_secs(120),
    drain: Duration::from_secs(30),
    kept_releases: 5,
};
/// Where releases are tried that never get ready, nobody waits two minutes for that.
const TRIED: Limits = Limits { ready: Duration::from_secs(40), ..LOCAL_LIMITS };
const STAGING_LIMITS: Limits = Limits { bake: Duration::from_secs(15), ..LOCAL_LIMITS };
const PRODUCTION_LIMITS: Limits = Limits { bake: Duration::from_secs(30), ..LOCAL_LIMITS };

/// Where the edge of `local` listens, unless the port is taken: then on the next free one.
pub const LOCAL_PORT: u16 = 8080;
/// The root folder of an environment on a host of its own.
pub const REMOTE_ROOT: &str = "/opt/tracehub-app";

const STAGING: Site = Site::Remote { prefix: "STAGING", domain: "tracehub-stg.vibotaj.com" };
const PRODUCTION: Site = Site::Remote { prefix: "PRODUCTION", domain: "tracehub.vibotaj.com" };
const LAB: Site = Site::Remote { prefix: "LAB", domain: "localhost" };

impl Environment {
    /// This machine.
    pub fn local() -> Environment {
        Environment { name: "local".to_owned(), limits: LOCAL_LIMITS, site: Site::Here { port: LOCAL_PORT } }
    }

    fn remote(name: &str, limits: Limits, site: Site) -> Environment {
        Environment { name: name.to_owned(), limits, site }
    }

    /// Whether it is on this machine.
    pub fn is_here(&self) -> bool {
        matches!(self.site, Site::Here { .. })
    }

    /// Nobody's real data is here: a fresh one is filled with a demo organisation, whose log-in is printed.
    pub fn is_for_trying(&self) -> bool {
        self.is_here() || self.site == LAB
    }

    /// A person is asked before it is changed, and what goes there must have been confirmed elsewhere.
    pub fn gate(&self) -> Option<Environment> {
        (self.site == PRODUCTION).then(|| Environment::remote("staging", STAGING_LIMITS, STAGING))
    }

    /// Its root folder on the host.
    pub fn root(&self) -> Utf8PathBuf {
        match self.site {
            Site::Here { .. } => local_dir().join(&self.name),
            Site::Remote { .. } => REMOTE_ROOT.into(),
        }
    }

    /// What stands in front of the names of everything that it owns: `tracehub-local`.
    pub fn prefix(&self) -> String {
        format!("{NAME}-{}", self.name)
    }

    /// The file, from the repository's root, with what the app is told here and is no secret.
    pub fn settings(&self) -> String {
        let of = match self.name.as_str() {
            "staging" | "production" => &self.name,
            _ => "local",
        };
        format!("{DEPLOY}/environments/{of}.env")
    }

    /// The same, as a path of this machine.
    pub fn settings_file(&self) -> Utf8PathBuf {
        root().join(self.settings())
    }
}

impl FromStr for Environment {
    type Err = String;

    fn from_str(name: &str) -> Result<Environment, String> {
        let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        match (name, name.strip_prefix("test-")) {
            ("local", _) => Ok(Environment::local()),
            ("staging", _) => Ok(Environment::remote(name, STAGING_LIMITS, STAGING)),
            ("production", _) => Ok(Environment::remote(name, PRODUCTION_LIMITS, PRODUCTION)),
            ("lab", _) => Ok(Environment::remote(name, TRIED, LAB)),
            (_, Some(test)) if !test.is_empty() && test.len() <= 16 && plain(test) => Ok(Environment {
                name: name.to_owned(),
                limits: TRIED,
                site: Site::Here { port: LOCAL_PORT + 1000 },
            }),
            _ => Err(format!("the environments are {}{}", NAMES.join(", "), meant(name))),
        }
    }
}

/// What a person may type, the tests' own apart.
pub const NAMES: [&str; 4] = ["local", "staging", "production", "lab"];

/// '; did you mean staging?', when one begins alike.
fn meant(name: &str) -> String {
    let alike =
        |known: &&&str| name.len() >= 2 && known.starts_with(&name.to_lowercase()[..2.min(name.len())]);
    let near = name.is_ascii().then(|| NAMES.iter().find(alike)).flatten();
    near.map_or(String::new(), |near| format!("; did you mean {near}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_environment_is_answered_with_the_near_name() {
        let error = "stagging".parse::<Environment>().unwrap_err();
        assert!(error.contains("did you mean staging?"), "{error}");
        for wrong in ["", "é", "-", "prod; reboot", "test-", "test-$(x)", "test-averyveryverylongname"] {
            assert!(wrong.parse::<Environment>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_production_is_gated_and_by_staging() {
        let gate = |name: &str| name.parse::<Environment>().unwrap().gate().map(|gate| gate.name);
        assert_eq!(gate("production").as_deref(), Some("staging"));
        assert_eq!((gate("staging"), gate("local"), gate("lab")), (None, None, None));
    }
}
