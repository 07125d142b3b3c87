//! What acts by itself: in the live release only, also while the warm one runs beside it.

use std::time::Duration;

use libtest_mimic::Failed;

use crate::call::wait_until;
use crate::check;
use crate::migrations::ask;
use crate::project::Project;

const SETTINGS: &str = "tracehub/deploy/environments/local.env";
const LIMIT: Duration = Duration::from_secs(30);

pub fn only_the_live_one_works(project: &Project) -> Result<(), Failed> {
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

/// There is a job while the one that is to work stands still: the other one sees it, and leaves it alone.
fn works_alone(project: &Project, working: &str, resting: &str) -> Result<(), Failed> {
    let [works, rests] = [working, resting].map(|release| project.container_of(release, "backend"));
    project.docker(&["pause", &works]);
    let left_alone = is_left_alone(project, working, &rests);
    project.docker(&["unpause", &works]);
    left_alone?;
    wait_until("the live release has done the job", LIMIT, || reminders(project, working) == "1")?;
    let done = lines(project, &rests, "a round of work");
    wait_until("the live release says so", LIMIT, || lines(project, &works, "a round of work") > 0)?;
    check(lines(project, &rests, "a round of work") == done, || format!("{resting} has worked, too"))
}

fn is_left_alone(project: &Project, reference: &str, rests: &str) -> Result<(), Failed> {
    let rounds = || lines(project, rests, "no work: another release has the traffic");
    ask(
        project,
        &format!(
            "INSERT INTO shipments (id, organisation_id, reference, product, origin_port, destination_port, departs_on)
             SELECT gen_random_uuid(), id, '{reference}', 'Cocoa', 'Tema', 'Antwerp', '2020-03-01' FROM organisations LIMIT 1"
        ),
    );
    check(reminders(project, reference) == "0", || "the shipment was not entered".into())?;
    let before = rounds();
    // The first of them may have begun before the job was there.
    wait_until("the warm release has had two rounds", LIMIT, || rounds() >= before + 2)?;
    check(reminders(project, reference) == "0", || "a release without traffic has done it".into())
}

fn reminders(project: &Project, reference: &str) -> String {
    // Nothing, and not 0, when there is no such shipment.
    let question = "SELECT count(reminders) FROM shipments LEFT JOIN reminders ON shipment_id = id";
    ask(project, &format!("{question} WHERE reference = '{reference}' GROUP BY id"))
}

fn lines(project: &Project, container: &str, words: &str) -> usize {
    project.docker(&["logs", container]).matches(words).count()
}
