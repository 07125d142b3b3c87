//! The API: a file for each part of the domain, and what all of them share.

mod account;
mod auth;
mod change;
mod client;
mod device;
mod error;
mod extract;
mod forgotten;
mod health;
mod history;
mod idempotency;
mod link_token;
pub(crate) mod links;
mod papers;
mod partners;
mod people;
mod refusals;
mod reminders;
mod request;
mod role;
mod session;
mod shares;
mod shipments;
mod sign_ups;
mod sql_state;
mod telemetry;
mod token;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use sqlx::PgPool;
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::csrf::CsrfLayer;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, OpenApi};
use utoipa_axum::router::OpenApiRouter;
use uuid::Uuid;

pub use error::{Error, FieldError, Problem, Rule};
pub use forgotten::make_link as make_forgotten_link;
pub use health::Readiness;
pub use history::{ActivityQuery, statement as activity_statement};
pub use idempotency::forget as forget_answers;
pub use links::{LinkKind, find as find_link, forget as forget_links};
pub use papers::{forget as forget_papers, remove_files};
pub(crate) use role::Role;
pub use session::forget as forget_sessions;
pub(crate) use shares::{Cover, PageLanguage, find_shared, html};
pub(crate) use shipments::{Incoterm, Stage, Status};
pub use shipments::{ListQuery, list_statement};
pub(crate) use sign_ups::{SignUpAnswer, answer as answer_to_sign_up, forget as forget_sign_ups};
pub use token::{Claims, Keys};

use crate::client::Edge;
use crate::database::OrganisationTx;
use crate::figures::Figures;
use crate::jobs;
use crate::lane::{Lane, Width};
use crate::outbox::Bell;
use crate::papers::Store;
use crate::password::Checks;
use crate::settings::Release;
use crate::throttle::{Account, LogIns, Visitor};

/// No request of ours needs more, be it as long as it may, and escaped. The edge holds each whole, in a buffer that would be
/// twice as big for a little more.
const BODY_LIMIT: usize = 15 * 1024;

/// Each waits for what all of them want. Its body came before: how many of those there are, the edge bounds.
const IN_FLIGHT: usize = 2048;

const SEARCHES: Width = Width { at_work: 2, let_in: 32, of_one_kind: 8, patience: Duration::from_secs(5) };

/// What every handler can reach.
#[derive(Clone)]
pub struct App {
    /// The database, as the role that owns nothing.
    pub database: PgPool,
    /// What tokens are signed and checked with.
    pub keys: Keys,
    /// What runs here.
    pub release: Arc<Release>,
    /// The way in for passwords that are to be checked.
    pub passwords: Arc<Checks>,
    /// Who says where a request comes from.
    pub edge: Arc<Edge>,
    /// The way in for searches, by organisation: each reads all of its rows, and a few of them at once would leave no
    /// connection to anybody else.
    pub searches: Arc<Lane<Uuid>>,
    /// How many requests may be in flight.
    pub in_flight: Arc<Semaphore>,
    /// Whether requests can be answered, as it was found out last.
    pub readiness: Arc<Readiness>,
    /// Where papers are kept; nowhere unless told.
    pub papers: Option<Arc<Store>>,
    /// The way in for parts of papers, by organisation.
    pub parts: Arc<Lane<Uuid>>,
    /// How many packs of papers may be going out.
    pub packs: Arc<Semaphore>,
    /// What is counted.
    pub figures: Figures,
    /// Where mail is sent from here: who sends it. Nobody unless told.
    pub mail: Option<Bell>,
    /// Whether anybody may make an organisation, where mail is sent.
    pub is_open: bool,
    /// Who has reported errors of the page.
    pub reporters: Arc<telemetry::Reporters>,
}

impl App {
    /// With ways in of its own for what costs much.
    pub fn new(database: PgPool, keys: Keys, release: Release, edge: Edge) -> Self {
        let (release, edge) = (Arc::new(release), Arc::new(edge));
        let searches = Arc::new(Lane::new(SEARCHES));
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT));
        let (passwords, readiness, figures) = (Arc::default(), Arc::default(), Figures::default());
        let parts = Arc::new(Lane::new(papers::PARTS));
        let packs = Arc::new(Semaphore::new(shares::PACKS));
        let (papers, mail, is_open) = (None, None, false);
        let reporters = Arc::default();
        Self {
            database,
            keys,
            release,
            passwords,
            edge,
            searches,
            in_flight,
            readiness,
            papers,
            parts,
            packs,
            figures,
            mail,
            is_open,
            reporters,
        }
    }

    /// Gives it a folder for papers.
    pub fn keeping(self, papers: Option<Store>) -> Self {
        Self { papers: papers.map(Arc::new), ..self }
    }

    /// Has mail sent from here by whoever hears this bell, and anybody may make an organisation where it is open.
    pub fn mailing(self, mail: Option<Bell>, is_open: bool) -> Self {
        Self { mail, is_open, ..self }
    }

    /// Makes the transaction, and has a mail sent about this new link; says whether. Nobody is sent one where there is no mail
    /// server, or by an organisation that has had too many sent, or when they got too many: people copy the link.
    async fn post(&self, mut tx: OrganisationTx, about: Uuid, mail: jobs::Mail) -> Result<bool, Error> {
        let Some(bell) = &self.mail else { return Ok(tx.commit().await.map(|()| false)?) };
        let is_sent = match mail.letter {
            // Counted with the log-ins, and when they are written.
            jobs::Letter::ForgottenPassword | jobs::Letter::SignUp => true,
            jobs::Letter::Invitation | jobs::Letter::Share => jobs::may_mail(&mut tx, &mail.to).await?,
        };
        if is_sent {
            let (_, hash) = self.keys.new_link(about);
            jobs::add(&mut tx, about, &hash, &mail).await?;
        }
        tx.commit().await?;
        bell.ring();
        Ok(is_sent)
    }

    /// Whether anybody may make an organisation: by a link, which must be mailed.
    fn signs_up(&self) -> bool {
        self.is_open && self.mail.is_some()
    }

    /// Somebody of whom nothing is known has a mail sent to this address, which counts as a log-in that fails, each `what` for itself.
    /// Refused while there were too many.
    async fn let_stranger_ask(&self, what: &str, email: &str, client: &client::Client) -> Result<(), Error> {
        let account = Account::of(&format!("{what} {email}"));
        let visitor = Visitor { account, client: client.network, device: None };
        let asked = LogIns::of(&self.database, &visitor);
        match asked.wait().await? {
            Some(wait) => Err(Error::TooManyLogIns(wait)),
            None => Ok(asked.failed().await?),
        }
    }

    fn sends_mail(&self) -> Result<(), Error> {
        let words = "no mail is sent from here: please ask an owner of your organisation for a link";
        self.mail
            .as_ref()
            .map(drop)
            .ok_or_else(|| Error::of(StatusCode::CONFLICT, "/problems/no-mail", words))
    }
}

/// The whole API, ready to serve.
pub fn router(app: App) -> Router {
    let (api, openapi) = documented().split_for_parts();
    // Written once: a route is copied for each connection, with all that it holds.
    let document = Bytes::from(serde_json::to_vec(&openapi).expect("its keys are texts"));
    let document = async || ([(header::CONTENT_TYPE, "application/json")], document);
    // Before the pages for buyers, which have no session, and whose forms say nothing of where they come from.
    api.layer(CsrfLayer::new().with_rejection_response(error::of_other_site))
        .merge(shares::pages())
        .route("/health", get(health::live))
        .route("/health/live", get(health::live))
        .route("/health/ready", get(health::ready))
        .route("/api/openapi.json", get(document))
        .route("/api/telemetry", post(telemetry::take))
        .fallback(async || Error::NotFound)
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(from_fn_with_state(app.clone(), request::if_not_too_many))
        .layer(from_fn(request::whole))
        .layer(CatchPanicLayer::custom(error::of_panic))
        // Outermost, so that no answer leaves without what it adds.
        .layer(from_fn_with_state(app.clone(), request::around))
        .with_state(app)
}

/// The document that `/api/openapi.json` serves, and that `openapi.json` beside the sources is a copy of.
pub fn openapi() -> OpenApi {
    documented().into_openapi()
}

fn documented() -> OpenApiRouter<App> {
    let mut router = OpenApiRouter::new()
        .merge(health::routes())
        .merge(auth::routes())
        .merge(account::routes())
        .merge(session::routes())
        .merge(shipments::routes())
        .merge(partners::routes())
        .merge(history::routes())
        .merge(reminders::routes())
        .merge(papers::routes())
        .merge(shares::routes())
        .merge(people::routes())
        .merge(links::routes())
        .merge(forgotten::routes())
        .merge(sign_ups::routes());
    let document = router.get_openapi_mut();
    document.info = InfoBuilder::new()
        .title("TraceHub")
        .version("1")
        .description(Some(
            "Export shipments of small exporters. Whatever goes wrong is answered as RFC 9457 has it.",
        ))
        .build();
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    let cookie =
        ApiKey::Cookie(ApiKeyValue::with_description(session::COOKIE, "Over HTTPS; set by a log-in"));
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
    refusals::document(document);
    router
}
