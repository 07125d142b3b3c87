//! The databases of the backend's tasks: one server for all of them, and on it a fresh database for each.

use std::any::Any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::Result;

use crate::pipeline::{Context, Service};
use crate::product::database;
use crate::project;
use crate::tools::database::pg_dump;
use crate::tools::database::postgres::Server;
use crate::tools::git;
use crate::workspace;

/// A throw-away server.
pub const POSTGRES: Service = Service { name: "postgres", start };

fn start() -> Result<Arc<dyn Any + Send + Sync>> {
    let server = database::for_tests()?;
    Ok(Arc::new(Databases { server, made: AtomicUsize::new(0), migrated: Mutex::new(None) }))
}

/// The server, how many databases were made on it, and the one that is copied for who wants a migrated one.
struct Databases {
    server: Server,
    made: AtomicUsize,
    migrated: Mutex<Option<String>>,
}

/// An empty database of the task's own; its URL.
pub fn fresh(task: &Context) -> Result<String> {
    let databases = task.service::<Databases>()?;
    let number = databases.made.fetch_add(1, Ordering::Relaxed);
    let name = format!("{}_{number}", project::DATABASE);
    databases.server.create_database(&name)?;
    Ok(databases.server.owner_url(&name))
}

/// How the two roles connect to a database.
pub struct Urls {
    /// For the one that owns it.
    pub owner: String,
    /// For the one that serves.
    pub user: String,
}

/// A database of the task's own that has all migrations. They run once for all who ask.
pub fn migrated(task: &Context) -> Result<Urls> {
    let databases = task.service::<Databases>()?;
    let mut template = databases.migrated.lock().expect("no holder panics");
    let name = match &*template {
        Some(name) => name.clone(),
        None => {
            let content = git::content_hash(workspace::root(), project::MIGRATIONS)?;
            let name = format!("{}_migrated_{}", project::DATABASE, &content[..12]);
            databases.server.create_database(&name)?;
            task.run(database::sqlx()?.run(&task.sh, &databases.server.owner_url(&name)))?;
            template.insert(name).clone()
        }
    };
    let number = databases.made.fetch_add(1, Ordering::Relaxed);
    let copy = format!("{}_{number}", project::DATABASE);
    databases.server.copy_database(&copy, &name)?;
    Ok(Urls { owner: databases.server.owner_url(&copy), user: databases.server.user_url(&copy) })
}

/// The schema of the database at `url`, as SQL.
pub fn schema(task: &Context, url: &str) -> Result<String> {
    pg_dump::schema(task.service::<Databases>()?.server.program(), url)
}
