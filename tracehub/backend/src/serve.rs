//! Serving: from the first connection to the last answer.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use tokio::net::{TcpListener, TcpSocket};
use tokio::signal::unix::{SignalKind, signal};

use crate::client::Edge;
use crate::database;
use crate::figures;
use crate::http::{self, App, Keys};
use crate::outbox::{Bell, Outbox};
use crate::papers::Store;
use crate::reports;
use crate::settings::Settings;
use crate::worker::{Traffic, Worker};

/// How long requests in flight get to finish. More than one may take, less than the 30 s until the engine kills.
const DRAIN_LIMIT: Duration = Duration::from_secs(25);

/// Answers requests, and works, until SIGTERM or SIGINT. Starts without a database: whoever waits for one asks `/health/ready`.
pub async fn serve(settings: Settings) -> anyhow::Result<()> {
    let Settings {
        listen,
        backlog,
        metrics,
        database,
        jwt_secret,
        release,
        edge,
        live_file,
        papers,
        work_every,
        errors,
        mail,
    } = settings;
    // Dropped last: what went wrong while it stopped is told, too.
    let _telling = errors.map(|target| reports::start(&target, &release, vec![jwt_secret.clone()]));
    let listener = listener(listen, backlog).with_context(|| format!("listening on {listen}"))?;
    let stop = stop_signal()?;
    tracing::info!(address = %listener.local_addr()?, release = release.id, "listening");
    let database = database::pool(database.0, &release.id);
    let papers = papers.map(Store::open_folder).transpose().context("the folder of PAPERS_FOLDER")?;
    let traffic = Traffic::new(release.id.clone(), live_file);
    let worker = Worker::new(database.clone(), traffic.clone()).keeping(papers.clone());
    let bell = mail.as_ref().map(|_| Bell::default());
    let app = App::new(database, Keys::new(&jwt_secret), release, Edge::named(edge)).keeping(papers);
    let app = app.mailing(bell.clone(), mail.as_ref().is_some_and(|mail| mail.is_open));
    let worker = worker.counted(app.figures.clone());
    let outbox = bell.zip(mail).map(|(bell, mail)| {
        Outbox::new(app.database.clone(), traffic, app.keys.clone(), mail, bell, app.figures.clone())
    });
    let mails = async {
        match &outbox {
            Some(outbox) => outbox.run(work_every).await,
            None => pending().await,
        }
    };
    let scraped = async {
        let Some(address) = metrics else { return pending().await };
        let scraper = TcpListener::bind(address).await?;
        figures::serve(scraper, app.figures.clone(), app.database.clone(), Arc::clone(&app.release)).await
    };
    let ended = tokio::select! {
        served = serve_until(listener, http::router(app.clone()), stop, DRAIN_LIMIT) => served,
        never = worker.run(work_every) => match never {},
        never = mails => match never {},
        // It ends only when it could not begin.
        scraped = scraped => scraped.context("answering /metrics"),
    };
    if let Some(outbox) = outbox {
        outbox.finish().await;
    }
    ended
}

/// Takes connections, and has as many wait as it is told. tokio's own way has 128 wait, and who comes then is turned away
/// by the kernel, without a word.
fn listener(address: SocketAddr, backlog: NonZeroU32) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(backlog.get())
}

/// Answers requests until `stop`, then takes no more and finishes those in flight, for `drain_limit` at most.
///
/// # Errors
/// When the listener fails, and when requests had to be cut off: how many.
pub async fn serve_until(
    listener: TcpListener,
    router: Router,
    stop: impl Future<Output = ()> + Send + 'static,
    drain_limit: Duration,
) -> anyhow::Result<()> {
    let in_flight = Arc::new(AtomicUsize::new(0));
    let router = router.layer(middleware::from_fn_with_state(Arc::clone(&in_flight), count));
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let (stopping, stopped) = tokio::sync::oneshot::channel();
    let stop = async move {
        stop.await;
        tracing::info!("stopping: requests in flight are finished, new ones are not taken");
        let _ = stopping.send(());
    };
    let too_long = async {
        let _ = stopped.await;
        tokio::time::sleep(drain_limit).await;
    };
    tokio::select! {
        served = axum::serve(listener, service).with_graceful_shutdown(stop).into_future() => {
            served?;
            tracing::info!("stopped: nothing was cut off");
        }
        () = too_long => match in_flight.load(Ordering::Relaxed) {
            0 => tracing::info!("stopped: only answers that nobody fetched were cut off"),
            // Whoever stopped it reads this, and the exit code.
            cut => bail!("{cut} requests were not finished in {drain_limit:?}, and were cut off"),
        },
    }
    Ok(())
}

/// Counts a request while it has no answer, also when its client goes away.
async fn count(State(in_flight): State<Arc<AtomicUsize>>, request: Request, next: Next) -> Response {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::Relaxed);
        }
    }
    in_flight.fetch_add(1, Ordering::Relaxed);
    let _counted = Counted(in_flight);
    next.run(request).await
}

fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
