//! A host on which somebody runs the project by hand: `docker compose up` in a folder, a `.env`, a named volume, tables that nobody
//! migrated. It becomes ours.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;

use crate::environment::Lab;
use crate::host::Host;
use crate::support::client::Client;
use crate::support::http::get;
use crate::support::project::Project;
use crate::support::xtask::XtaskCommand;
use crate::support::{check, run, wait_until};

const FOLDER: &str = "/opt/tracehub-app/tracehub";
const PATIENCE: Duration = Duration::from_secs(120);
/// The value of a secret, which nothing may print.
const SECRET: &str = "0123456789abcdef-by-hand-0123456789abcdef";
/// What somebody would have written. The app is made up: a page that answers, and a worker that inserts a row each 0.2 s and says
/// how many were acknowledged.
const COMPOSE: &str = r#"
services:
  db:
    image: by-hand/postgres
    entrypoint: [postgres]
    command: [-D, /var/lib/postgresql/data/cluster, -c, "listen_addresses=*"]
    user: "999:999"
    restart: always
    environment: { POSTGRES_USER: tracehub, POSTGRES_DB: tracehub }
    volumes: ["data:/var/lib/postgresql/data"]
  worker:
    image: by-hand/postgres
    entrypoint: [sh, -c]
    command:
      - |
        n=0
        while :; do
            if psql -q -h db -U tracehub -c "INSERT INTO organisations (id, name) VALUES (gen_random_uuid(), 'by hand')"; then
                n=$$((n + 1)); echo $$n >/count/next; mv /count/next /count/count
            fi
            sleep 0.2
        done
    user: "0"
    restart: always
    stop_grace_period: 1s
    volumes: ["./count:/count"]
  web:
    image: by-hand/caddy
    entrypoint: [caddy]
    command: [run, --config, /etc/by-hand/Caddyfile, --adapter, caddyfile]
    environment: { XDG_DATA_HOME: /tmp, XDG_CONFIG_HOME: /tmp }
    restart: always
    ports: ["80:80", "8000:80"]
    volumes: [".:/etc/by-hand:ro", "uploads:/uploads"]
volumes: { data: {}, uploads: {} }
"#;
const CADDYFILE: &str = ":80 {\n\trespond /api/shipments 401\n\trespond \"by hand\" 200\n}\n";

/// Until the cut-over nothing of the old project changes, and no value of a secret is seen.
pub fn inventory(lab: &Lab) -> Result<(), Failed> {
    let host = by_hand(lab)?;
    let project = &lab.project;
    let state = "docker ps --no-trunc --format '{{.ID}} {{.Names}}'; docker volume ls --quiet; ls -A /opt/tracehub-app";
    let before = host.sh(state);
    let bridge = bridge();
    let _ = std::fs::remove_file(&bridge);
    let plan = |more: &[&str]| project.xtask(&[&["host", "adopt", "--plan"], more].concat());

    let output = project.xtask(&["host", "setup", "--yes"]).fails_with(10)?;
    check(
        output.contains(
            "not ours runs here: tracehub in /opt/tracehub-app/tracehub (db, web, worker; ports 80, 8000)",
        ),
        || output.clone(),
    )?;
    check(output.contains("host adopt --env lab"), || output)?;
    let output = plan(&[]).fails_with(10)?;
    for words in [
        "port 80",
        "port 8000",
        "tracehub_data (db)",
        "tracehub_uploads (web)",
        "JWT_SECRET",
        "taken as a secret",
        "POSTGRES_PASSWORD",
        "no place",
        "lacking",
        "SENTRY_DSN",
        "pg_dump (/var/spool/cron/crontabs/root, line 1)",
        "PostgreSQL 15",
        "--bridge FILE",
    ] {
        check(output.contains(words), || format!("{words} is not in\n{output}"))?;
    }
    check(!output.contains(SECRET) && !output.contains("hidden-in-cron"), || output)?;
    let output = plan(&["--bridge", &bridge]).fails_with(10)?;
    check(output.contains("Read it"), || output)?;
    let sql = std::fs::read_to_string(&bridge)?;
    check(sql.contains("OWNER TO") && sql.contains("tracehub_owner"), || sql)?;
    let said = plan(&["--bridge", &bridge, "--json"]).json()?;
    check(said["adoptable"] == true, || said.to_string())?;
    check(host.sh(state) == before, || format!("{before}\nbecame\n{}", host.sh(state)))?;
    check(get(&host.url, "/")?.body == "by hand", || "it does not serve any more".into())
}

/// On the machine from before: what hinders is refused, a killed cut-over gives way to the old project by itself, and the one that
/// comes to its end has every row.
pub fn adopted(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, lab.last_machine()?);
    let bridge = bridge();
    let adopt = |more: &[&str]| project.xtask(&[&["host", "adopt", "--bridge", &bridge], more].concat());
    // Somebody else's, with a port of its own.
    host.sh("docker run --detach --name blog --restart always --publish 8081:80 --entrypoint sleep by-hand/caddy 100000");
    hindered(&host, adopt)?;

    let client = Client::start(&host.url);
    let driver = adopt(&["--yes"]).spawn();
    let in_it = wait_until("the cut-over has begun", Duration::from_secs(600), || {
        driver.has_exited() || host.sh("docker ps --filter name=tracehub-web-1 --quiet").is_empty()
    });
    check(in_it.is_ok() && !driver.has_exited(), || driver.output())?;
    driver.kill();
    check(!driver.output().contains(SECRET), || driver.output())?;
    let killed = Instant::now();
    wait_until("the old project serves again", PATIENCE, || {
        get(&host.url, "/").is_ok_and(|it| it.body == "by hand")
    })?;
    println!("    after the kill it serves again within {:.1} s", killed.elapsed().as_secs_f64());
    client.stop();
    check(host.sh("cat /opt/tracehub-app/adoption.json").contains("\"state\":\"undone\""), || {
        "it is not undone".into()
    })?;
    project.xtask(&["recover"]).succeeds()?;
    let output = project.deploy().fails_with(10)?;
    check(output.contains("host adopt --env lab"), || output)?;

    let client = Client::start(&host.url);
    let done = adopt(&["--yes", "--json"]).json()?;
    wait_until("ours answers", PATIENCE, || {
        get(&host.url, "/health/ready").is_ok_and(|it| it.release().as_deref() == done["release"].as_str())
    })?;
    let traffic = client.stop();
    println!("    {done}");
    let measured = Duration::from_millis(done["pause_ms"].as_u64().ok_or("no pause")?);
    check(traffic.failed_for() <= measured + Duration::from_secs(3), || {
        format!("{traffic}, and {measured:?} were told")
    })?;
    // Each row that was acknowledged is here; at most one was written whose answer never came.
    let acknowledged: u64 = host.sh(&format!("cat {FOLDER}/count/count")).parse()?;
    let sql = "SELECT count(*) FROM organisations WHERE name = 'by hand'";
    let words = ["db", "shell", "--superuser", "--", "--tuples-only", "--no-align", "--command", sql];
    let rows: u64 = project
        .xtask(&words)
        .succeeds()?
        .lines()
        .find_map(|line| line.trim().parse().ok())
        .ok_or("no count")?;
    check((acknowledged..=acknowledged + 1).contains(&rows), || {
        format!("{rows} rows, and {acknowledged} acknowledged")
    })?;
    check(host.sh("cat /opt/tracehub-app/secrets/jwt_secret/1") == SECRET, || {
        "the secret did not come over".into()
    })?;
    let ledger = host.sh("cat /opt/tracehub-app/ledger.jsonl");
    check(ledger.contains("is adopted: ") && !ledger.contains(SECRET), || ledger.clone())?;

    check(
        host.sh("docker ps --quiet --filter label=com.docker.compose.project=tracehub").is_empty(),
        || "the old one runs".into(),
    )?;
    let policies = host.sh("docker inspect --format '{{.HostConfig.RestartPolicy.Name}}' tracehub-db-1 tracehub-web-1 tracehub-worker-1 blog");
    check(policies == "no\nno\nno\nalways", || policies)?;
    project.xtask(&["host", "setup", "--yes"]).succeeds()?;
    let output = project.deploy().succeeds()?;
    check(output.contains("Nothing to do"), || output)?;
    let volumes = || host.sh("docker volume ls --quiet --filter label=com.docker.compose.project=tracehub");
    check(volumes().contains("tracehub_data"), volumes)?;
    project.xtask(&["host", "adopt", "--forget-old", "--yes"]).succeeds()?;
    check(volumes().is_empty() && !host.sh(&format!("cat {FOLDER}/.env")).is_empty(), volumes)?;
    check(host.sh("docker ps --quiet --filter name=blog").lines().count() == 1, || {
        "somebody else's is gone".into()
    })?;
    project.xtask(&["host", "adopt", "--plan"]).fails_with(3).map(drop)
}

/// Killed when the data are ours already, and the edge has not its ports yet: nobody is served, and one command ends that.
pub fn killed_late(lab: &Lab) -> Result<(), Failed> {
    let (project, host) = (&lab.project, by_hand(lab)?);
    let bridge = bridge();
    let adopt = |more: &[&str]| project.xtask(&[&["host", "adopt", "--bridge", &bridge], more].concat());
    adopt(&["--plan"]).output()?;
    let driver = adopt(&["--yes"]).spawn();
    let is_ours = "grep -q '\"state\":\"ours\"' /opt/tracehub-app/adoption.json";
    host.sh(&format!("for i in $(seq 30000); do {is_ours} && break; sleep 0.02; done"));
    driver.kill();
    let ports = host.sh("docker ps --filter publish=80 --format '{{.Names}}'");
    check(ports.is_empty(), || format!("it was killed too late: {ports}\n{}", driver.output()))?;
    let output = project.xtask(&["recover"]).succeeds()?;
    check(output.contains("the edge has taken its ports"), || output)?;
    let live = host.live();
    check(get(&host.url, "/health/ready")?.is_ok_from(&live), || "it is not served".into())?;
    let output = project.deploy().succeeds()?;
    check(output.contains("Nothing to do"), || output)?;
    adopt(&["--yes"]).fails_with(3).map(drop)
}

/// Each is refused, and nothing is changed.
fn hindered(host: &Host, adopt: impl Fn(&[&str]) -> XtaskCommand) -> Result<(), Failed> {
    let psql = "docker exec tracehub-db-1 psql --username=tracehub --no-psqlrc --quiet --command";
    for (make, unmake, words) in [
        (
            "setsid perl -MIO::Socket::INET -e '$it = IO::Socket::INET->new(Listen => 1, LocalPort => 443) or die; sleep 600' >/dev/null 2>&1 &".to_owned(),
            "kill $(pgrep perl)".to_owned(),
            "port 443 is taken by perl",
        ),
        (
            "docker run --detach --name squatter --publish 443:443 --entrypoint sleep by-hand/caddy 1000".to_owned(),
            "docker rm --force squatter".to_owned(),
            "port 443 is the container squatter's",
        ),
        (
            format!("{psql} 'CREATE TABLE _sqlx_migrations AS SELECT 99990101000000::bigint AS version, true AS success' tracehub"),
            format!("{psql} 'DROP TABLE _sqlx_migrations' tracehub"),
            "99990101000000, which this tree has not",
        ),
        (
            format!("mkdir -p /etc/systemd/system && echo 'ExecStart=docker compose -f {FOLDER}/compose.yaml up' >/etc/systemd/system/by-hand.service"),
            "rm /etc/systemd/system/by-hand.service".to_owned(),
            "systemctl disable",
        ),
    ] {
        host.sh(&make);
        let output = adopt(&["--yes"]).fails_with(10);
        host.sh(&unmake);
        let output = output?;
        check(output.contains(words), || format!("{words} is not in\n{output}"))?;
    }
    check(host.sh("ls -d /opt/tracehub-app/*") == FOLDER, || "something was made".into())
}

/// Not in the copy of the repository, which takes commits only.
fn bridge() -> String {
    concat!(env!("CARGO_TARGET_TMPDIR"), "/bridge.sql").to_owned()
}

/// A machine in that state, which the project's environment leads to from here on.
fn by_hand(lab: &Lab) -> Result<Host, Failed> {
    let project = &lab.project;
    project.xtask(&["host", "setup", "--yes"]).succeeds()?;
    project.deploy().succeeds()?;
    let (ours, host) = (lab.host(), lab.another_machine()?);
    host.sh("apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends docker.io iptables; service docker start");
    wait_until("an engine answers", PATIENCE, || !host.sh("docker info --format '{{.ID}}'").is_empty())?;
    for (name, variable) in [("postgres", "POSTGRES_IMAGE"), ("caddy", "CADDY_IMAGE")] {
        ours.sh(&format!(
            "docker tag $(sed -n s/^{variable}=//p /opt/tracehub-app/platform/variables.env) by-hand/{name}"
        ));
        let mut saved = Command::new("docker")
            .args(["exec", &ours.container, "docker", "save", &format!("by-hand/{name}")])
            .stdout(Stdio::piped())
            .spawn()?;
        let out = saved.stdout.take().ok_or("no output")?;
        let loaded = Command::new("docker")
            .args(["exec", "-i", &host.container, "docker", "load"])
            .stdin(out)
            .status()?;
        check(saved.wait()?.success() && loaded.success(), || format!("{name} did not come to the machine"))?;
    }
    host.sh(&format!("mkdir -p {FOLDER}/count /var/spool/cron/crontabs /usr/libexec/docker/cli-plugins"));
    let plugin = compose_plugin(project)?;
    run(Command::new("docker").args([
        "cp",
        "-L",
        &plugin,
        &format!("{}:/usr/libexec/docker/cli-plugins/docker-compose", host.container),
    ]));
    host.write(&format!("{FOLDER}/compose.yaml"), COMPOSE);
    host.write(&format!("{FOLDER}/Caddyfile"), CADDYFILE);
    host.write(
        &format!("{FOLDER}/.env"),
        &format!("# by hand\nJWT_SECRET={SECRET}\nPOSTGRES_PASSWORD=x\nDEBUG=1\n"),
    );
    host.write("/var/spool/cron/crontabs/root", "0 3 * * * pg_dump --password=hidden-in-cron tracehub\n");
    let data = "/var/lib/postgresql/data";
    host.sh(&format!(
        "cd {FOLDER} && docker volume create --label com.docker.compose.project=tracehub --label com.docker.compose.volume=data tracehub_data &&
        docker run --rm --user 0 --entrypoint chown --volume tracehub_data:{data} by-hand/postgres 999:999 {data} &&
        docker run --rm --user 999:999 --entrypoint initdb --volume tracehub_data:{data} by-hand/postgres \
            --auth=trust --username=tracehub --encoding=UTF8 {data}/cluster &&
        docker run --rm --user 999:999 --entrypoint sh --volume tracehub_data:{data} by-hand/postgres \
            -c 'echo host all all all trust >>{data}/cluster/pg_hba.conf' && docker compose up --detach db"
    ));
    let psql =
        "docker exec -i tracehub-db-1 psql --username=tracehub --no-psqlrc --quiet --tuples-only --no-align";
    wait_until("the old database answers", PATIENCE, || {
        host.sh(&format!("{psql} --command='SELECT 1' postgres")) == "1"
    })?;
    host.write("/root/tables.sql", &project.xtask_verbatim(&["migrate", "sql"]).succeeds()?);
    let made = host.sh(&format!(
        "{psql} --command='CREATE ROLE tracehub_owner' --command='CREATE ROLE tracehub_app' --command='CREATE DATABASE tracehub' postgres 2>&1;
        {psql} tracehub </root/tables.sql 2>&1; {psql} --command='DROP TABLE _sqlx_migrations' tracehub 2>&1;
        cd {FOLDER} && docker compose up --detach 2>&1"
    ));
    wait_until("the old project serves", PATIENCE, || {
        get(&host.url, "/").is_ok_and(|it| it.body == "by hand")
    })
    .map_err(|error| format!("{error:?}: {made}"))?;
    wait_until("the old worker works", PATIENCE, || {
        !host.sh(&format!("cat {FOLDER}/count/count")).is_empty()
    })?;
    for (name, value) in [
        ("LAB_PORT", host.ssh.to_string()),
        ("LAB_HOST_KEY", host.key.clone()),
        ("LAB_URL", host.url.clone()),
    ] {
        project.set_variable(name, &value);
    }
    Ok(host)
}

/// Where Compose is on this machine: xtask's own, or that of its docker.
fn compose_plugin(project: &Project) -> Result<String, Failed> {
    let tools =
        std::env::var("XTASK_TOOLS_DIR").unwrap_or_else(|_| project.original.join(".tools").into_string());
    let own = run(Command::new("find").args([&tools, "-name", "docker-compose"]));
    let of_docker =
        project.docker(&["info", "--format", "{{range .ClientInfo.Plugins}}{{println .Path}}{{end}}"]);
    let found = own.lines().chain(of_docker.lines()).find(|path| path.ends_with("/docker-compose"));
    Ok(found.ok_or("no Compose on this machine")?.to_owned())
}
