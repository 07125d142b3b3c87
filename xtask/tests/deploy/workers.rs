//! Background jobs: only the live release does them, also while the warm one runs beside it.

use std::time::Duration;

use libtest_mimic::Failed;

use crate::database::query;
use crate::support::project::Project;
use crate::support::{check, wait_until};

const SETTINGS: &str = "tracehub/deploy/environments/local.env";
const TIMEOUT: Duration = Duration::from_secs(30);

pub fn only_the_live_release_works(project: &Project) -> Result<(), Failed> {
    project.replace(
        SETTINGS,
        "RUST_LOG=info\n",
        "RUST_LOG=info,tracehub_backend::worker=debug\nWORK_EVERY=1\n",
    );
    project.commit("A release that works every second");
    project.deploy().succeeds()?;
    let first = project.live().ok_or("nothing is live")?;
    project.commit("Another one that works every second");
    project.deploy().succeeds()?;
    let second = project.live().ok_or("nothing is live")?;
    check(project.warm().as_ref() == Some(&first), || format!("{}", project.status()))?;
    works_alone(project, &second, &first)?;
    project.xtask(&["rollback"]).succeeds()?;
    check(project.live_file() == first, || format!("{}", project.status()))?;
    works_alone(project, &first, &second)
}

/// Adds a job while the live release is paused: the warm one sees it, and leaves it to the live one.
fn works_alone(project: &Project, live: &str, warm: &str) -> Result<(), Failed> {
    let [live_backend, warm_backend] = [live, warm].map(|release| project.container_of(release, "backend"));
    project.docker(&["pause", &live_backend]);
    let left_alone = is_left_alone(project, live, &warm_backend);
    project.docker(&["unpause", &live_backend]);
    left_alone?;
    wait_until("the live release has done the job", TIMEOUT, || reminders(project, live) == "1")?;
    let done = lines(project, &warm_backend, "a round of work");
    wait_until("the live release has logged it", TIMEOUT, || {
        lines(project, &live_backend, "a round of work") > 0
    })?;
    check(lines(project, &warm_backend, "a round of work") == done, || format!("{warm} has worked, too"))
}

fn is_left_alone(project: &Project, reference: &str, warm_backend: &str) -> Result<(), Failed> {
    let rounds = || lines(project, warm_backend, "no work: another release has the traffic");
    query(
        project,
        &format!(
            "INSERT INTO shipments (id, organisation_id, reference, product, origin_port, destination_port, departs_on)
             SELECT gen_random_uuid(), id, '{reference}', 'Cocoa', 'Tema', 'Antwerp', '2020-03-01' FROM organisations LIMIT 1"
        ),
    );
    check(reminders(project, reference) == "0", || "the shipment was not entered".into())?;
    let before = rounds();
    // Two: the first may have begun before the job was there.
    wait_until("the warm release has had two rounds", TIMEOUT, || rounds() >= before + 2)?;
    check(reminders(project, reference) == "0", || "a release without traffic has done it".into())
}

/// How many reminders a shipment has; empty when there is no such shipment.
fn reminders(project: &Project, reference: &str) -> String {
    let select = "SELECT count(reminders) FROM shipments LEFT JOIN reminders ON shipment_id = id";
    query(project, &format!("{select} WHERE reference = '{reference}' GROUP BY id"))
}

/// How often these words are in a container's log.
fn lines(project: &Project, container: &str, words: &str) -> usize {
    project.docker(&["logs", container]).matches(words).count()
}
