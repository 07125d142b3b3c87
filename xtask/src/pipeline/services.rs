//! Services: what runs beside the tasks that ask for it, once a run.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, Result};

use super::task::Service;
use crate::tools::process::tracking::{self, Scope};

type Lent = Arc<dyn Any + Send + Sync>;

/// The services of one run. They end when this is dropped.
#[derive(Default)]
pub struct Services(Mutex<HashMap<&'static str, Lent>>);

impl Services {
    /// The service; started when nobody asked before. Who asks meanwhile waits.
    pub fn lend(&self, service: Service) -> Result<Lent> {
        let mut running = self.0.lock().expect("no holder panics");
        if let Some(lent) = running.get(service.name) {
            return Ok(Arc::clone(lent));
        }
        // It is not the asking task's own, and outlives it.
        let lent = tracking::within(Scope::default(), service.start)
            .with_context(|| format!("starting the service {}", service.name))?;
        running.insert(service.name, Arc::clone(&lent));
        Ok(lent)
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
        fn start() -> Result<Lent> {
            STARTED.fetch_add(1, Ordering::SeqCst);
            Ok(Arc::new(Server))
        }
        let services = Services::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| services.lend(Service { name: "server", start }).expect("it starts"));
            }
        });
        assert_eq!((STARTED.load(Ordering::SeqCst), ENDED.load(Ordering::SeqCst)), (1, 0));
        drop(services);
        assert_eq!(ENDED.load(Ordering::SeqCst), 1);
    }
}
