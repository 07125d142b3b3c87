//! The volumes that a platform stands on, prepared once before its first start: the database's, with its cluster, and one for
//! the edge's certificates.

use anyhow::{Context, Result};
use xshell::cmd;

use super::LeasedPlatform;
use crate::project::{DATABASE_SERVICE, EDGE, PAPERS_VOLUME};
use crate::tools::docker::limits::{LIMITS, OTHERS_FILES, READ_ONLY};
use crate::tools::docker::volume;
use crate::tools::process::Run;

/// Makes the cluster when there is none, beside and then renamed, so that a cut one is never taken for whole. Only
/// who has its socket may come without a password, which are the database's own container and that of the backups by themselves
/// (who of them, `roles.sql` says then); the superuser has no password, and so can't come by network at all.
const INIT: &str = r#"set -eu
cd /var/lib/postgresql/data
if [ -e cluster ]; then
    major=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
    [ "$(cat cluster/PG_VERSION)" = "$major" ] && exit 0
    echo "the data are PostgreSQL $(cat cluster/PG_VERSION)'s, and the image is of $major: the environment's row in xtask/src/project/environments.rs says which one it has" >&2
    exit 1
fi
rm -rf next
initdb --pgdata=next --username=postgres --encoding=UTF8 --locale=C.UTF-8 --data-checksums \
  --auth-local=trust --auth-host=scram-sha-256
echo 'host all all all scram-sha-256' >>next/pg_hba.conf
mv next cluster
"#;

/// A volume that is empty takes the owner that the image's folder has, each time that it is mounted: so it is not.
const CERTIFICATES: &str = r#"mkdir -p /data/caddy && chown -R "$1" /data"#;

impl LeasedPlatform<'_> {
    pub(super) fn init_database(&self) -> Result<()> {
        let machine = self.leased.fenced()?;
        let (volume, image) = (self.leased.make_volume("database")?, &machine.bases()?.postgres);
        let (mount, user) =
            (format!("{volume}:/var/lib/postgresql/data"), format!("{0}:{0}", DATABASE_SERVICE.uid));
        let init = cmd!(
            machine.docker(),
            "docker run --rm --network none {LIMITS...} {READ_ONLY...} --user {user} --entrypoint sh --volume {mount} {image} -c {INIT}"
        );
        Run::new(init).run().context("making the database's cluster")
    }

    /// A place for the certificates that the edge gets by itself, where it serves HTTPS; it belongs to the user that the edge
    /// runs as.
    pub(super) fn prepare_certificates(&self) -> Result<()> {
        let machine = self.leased.fenced()?;
        if machine.platform().edge_site() == ":80" {
            return Ok(());
        }
        let (volume, image) = (self.leased.make_volume("certificates")?, &machine.bases()?.caddy);
        let (mount, user) = (format!("{volume}:/data"), format!("{0}:{0}", EDGE.uid));
        let give = cmd!(
            machine.docker(),
            "docker run --rm --network none {LIMITS...} {OTHERS_FILES...} {READ_ONLY...} --user 0 --entrypoint sh --volume {mount} {image} -c {CERTIFICATES} give {user}"
        );
        Run::new(give).run().context("preparing a place for the edge's certificates")
    }

    /// A place for the files that users bring. Its owner comes from the backend's image, with the first release that mounts it.
    pub(in crate::host) fn prepare_papers(&self) -> Result<()> {
        let machine = self.leased.fenced()?;
        if volume::labels(machine.docker(), &machine.named(PAPERS_VOLUME))?.is_none() {
            self.leased.make_volume(PAPERS_VOLUME)?;
        }
        Ok(())
    }

    /// Removes the database's volume and that of the papers: all data. That of the database's socket is empty by then.
    pub fn delete_data(&self) -> Result<()> {
        let machine = self.leased.fenced_invalidating()?;
        volume::remove(machine.docker(), &machine.named("socket"))?;
        volume::remove(machine.docker(), &machine.named(PAPERS_VOLUME))?;
        volume::remove(machine.docker(), &machine.named("database"))?;
        self.leased.upgrade().forget_record()
    }
}
