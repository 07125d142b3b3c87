//! TraceHub as a developer runs it from the working tree: the database with the developer's data, the backend as it was last
//! compiled, and the page by Vite. A backend that compiles and gets ready takes over; one that does not changes nothing.

mod backend;
mod mail;
mod page;
mod service;
mod state;
mod sweeper;

use std::fs;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use self::backend::{Backend, Mailing};
use self::mail::Catcher;
use self::page::Page;
use self::sweeper::Sweeper;
use crate::product::{database, frontend};
use crate::project;
use crate::setup::{self, Tool};
use crate::terminal::{self, Activity, paint};
use crate::tools::database::postgres::Server;
use crate::tools::process::{interrupt, tracking};

pub use self::state::{Owned, Ready, State, log_file, read as state};
pub use self::sweeper::sweep;

/// How often the tree is read, which takes some ten milliseconds.
const POLL_INTERVAL: Duration = Duration::from_millis(400);

/// What runs.
pub struct Stack {
    backend: Backend,
    page: Page,
    database: Server,
    mailing: Mailing,
    // Dropped after the others: it is told then that they have ended.
    sweeper: Sweeper,
    owned: Owned,
    ready: Ready,
    built_from: Vec<String>,
}

impl Stack {
    /// Starts everything, and returns when the page answers. With `is_fresh`, the database is made anew.
    pub fn start(port: Option<u16>, is_fresh: bool) -> Result<Stack> {
        let owned = Owned::take()?;
        setup::ensure(&[Tool::Postgres, Tool::Node, Tool::Npm, Tool::Rust], false)?;
        let port = page::port(port)?;
        let sweeper = Sweeper::start()?;
        Activity::of("install the page's packages", |activity| {
            frontend::install(&|line| activity.line(line))
        })?;
        let database = Activity::of("start the database", |_| database(is_fresh))?;
        let built_from = backend::sources()?;
        let program = backend::compile()?;
        let log_in = Activity::of("migrate, and fill a demo organisation", |_| {
            backend::migrate(&program, &database)?;
            backend::seed(&program, &database)
        })?;
        let mailing = Mailing { smtp: Catcher::start(mail::folder())?.url(), site: page::url(port) };
        let (backend, page) = tracking::within(sweeper.scope(), || {
            let start = |_: &Activity| Backend::start(&program, &database, &mailing);
            let backend = Activity::of("start the backend", start)?;
            backend.take_requests(owned.backend_file())?;
            let page = Activity::of("start the page", |_| Page::start(port, owned.backend_file()))?;
            anyhow::Ok((backend, page))
        })?;
        let ready = Ready { url: page.url(), log_in };
        owned.tell(Some(ready.clone()))?;
        Ok(Stack { backend, page, database, mailing, sweeper, owned, ready, built_from })
    }

    /// Where a browser finds it, and how to log in there.
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Takes over what changes, until somebody asks to stop. An error when the page's server ends by itself.
    pub fn follow(&mut self) -> Result<()> {
        let mut seen = self.built_from.clone();
        loop {
            if interrupt::pause(POLL_INTERVAL).is_err() {
                return Ok(());
            }
            if let Some(status) = self.page.ended()? {
                bail!("the page's server has ended ({status}); what it said stands above");
            }
            self.backend.tell_when_ended()?;
            let now = backend::sources()?;
            // An editor may still be writing: two looks have to agree.
            if now != self.built_from && now == seen {
                self.built_from = now.clone();
                match self.take_over() {
                    Err(_) if interrupt::is_set() => return Ok(()),
                    Err(error) => terminal::warn(format_args!("{error:#}; what ran before goes on")),
                    Ok(()) => {}
                }
            }
            seen = now;
        }
    }

    /// Compiles the backend, and lets it take over from the one that runs when it is ready.
    fn take_over(&mut self) -> Result<()> {
        let began = Instant::now();
        let program = backend::compile()?;
        backend::migrate(&program, &self.database)?;
        let started = || Backend::start(&program, &self.database, &self.mailing);
        let next = tracking::within(self.sweeper.scope(), started)?;
        next.take_requests(self.owned.backend_file())?;
        let took = began.elapsed().as_secs_f64();
        std::mem::replace(&mut self.backend, next).stop();
        terminal::note(format_args!("{} the new backend answers  {took:.1} s", paint::good("✓")));
        Ok(())
    }

    /// Ends everything, and leaves nothing but the database's data.
    pub fn stop(self) {
        let Stack { owned: _owned, sweeper: _sweeper, backend, page, database, .. } = self;
        interrupt::shielded(|| {
            page.stop();
            backend.stop();
            drop(database);
        });
    }
}

/// The developer's database; an empty one with `is_fresh`.
fn database(is_fresh: bool) -> Result<Server> {
    let server = database::for_development()?;
    if is_fresh {
        server.drop_database(project::DATABASE)?;
        server.create_database(project::DATABASE)?;
        // What they are of is gone.
        let papers = backend::papers();
        match fs::remove_dir_all(&papers) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(|| format!("removing {papers}"));
            }
            _ => {}
        }
    }
    Ok(server)
}
