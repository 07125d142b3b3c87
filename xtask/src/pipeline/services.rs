//! Services: programs that run beside the tasks that use them, one for the whole run.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};

use crate::tools::process::tracking::{self, Scope};

type Handle = Arc<dyn Any + Send + Sync>;

/// Something that tasks use while they run, such as a database server. It starts when the first task asks for it, and is
/// dropped when the run ends, however that ends.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// What it is called.
    pub name: &'static str,
    /// Starts it. What it gives is shared by the tasks.
    pub start: fn() -> Result<Handle>,
}

/// The running services of one run. Dropping this ends them.
#[derive(Default)]
pub struct Services(Mutex<HashMap<&'static str, Handle>>);

impl Services {
    /// The service, started at the first call. Other calls wait meanwhile. Fails when it does not start.
    pub fn get_or_start(&self, service: Service) -> Result<Handle> {
        let mut running = self.0.lock().expect("no holder panics");
        if let Some(handle) = running.get(service.name) {
            return Ok(Arc::clone(handle));
        }
        // In a scope of its own, since it outlives the task that asks.
        let handle = tracking::within(Scope::default(), service.start)
            .with_context(|| format!("starting the service {}", service.name))?;
        running.insert(service.name, Arc::clone(&handle));
        Ok(handle)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_service_starts_once_for_all_who_ask_and_ends_with_the_run() {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        static ENDED: AtomicUsize = AtomicUsize::new(0);
        struct Server;
        impl Drop for Server {
            fn drop(&mut self) {
                ENDED.fetch_add(1, Ordering::SeqCst);
            }
        }
        fn start() -> Result<Handle> {
            STARTED.fetch_add(1, Ordering::SeqCst);
            Ok(Arc::new(Server))
        }
        let services = Services::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| services.get_or_start(Service { name: "server", start }).expect("it starts"));
            }
        });
        assert_eq!((STARTED.load(Ordering::SeqCst), ENDED.load(Ordering::SeqCst)), (1, 0));
        drop(services);
        assert_eq!(ENDED.load(Ordering::SeqCst), 1);
    }
}
