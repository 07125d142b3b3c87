//! What has happened in an organisation: to its shipments, its partners and its people. What is written here stays: the role that
//! serves may add, and nothing else.

use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Caller;
use super::extract::{Id, Json, Query};
use super::role::Role;
use super::shipments::history::{Author, Change, changes_of};
use super::shipments::word::Word;
use super::{App, Error, FieldError};

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_history))
}

/// Which of what has happened is asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ActivityQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 100)]
    #[serde(default = "default_limit")]
    limit: i64,
    /// The `next` of the page before.
    #[param(value_type = Option<Uuid>)]
    after: Option<Id>,
    /// Only what happened to things of this kind. Of people, managers and owners are told.
    #[param(inline)]
    kind: Option<SubjectKind>,
    /// Only what this user did.
    #[param(value_type = Option<Uuid>)]
    by: Option<Id>,
    /// Only what happened to this one.
    #[param(value_type = Option<Uuid>)]
    about: Option<Id>,
}

fn default_limit() -> i64 {
    50
}

/// What something happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum SubjectKind {
    Shipment,
    Partner,
    /// Somebody who is in the organisation, or is invited to it.
    Person,
}

/// What was done to a shipment, a partner or a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Action {
    Created,
    Changed,
    Removed,
    Invited,
    InvitationRemoved,
    Joined,
    Suspended,
    /// Somebody who was suspended has used a link for another password.
    Reinstated,
    PasswordLinkMade,
}

#[derive(Serialize, ToSchema)]
pub struct Activity {
    /// The latest first.
    items: Vec<ActivityEntry>,
    /// What to ask for the older ones with, if there are some.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ActivityEntry {
    id: Uuid,
    at: DateTime<Utc>,
    by: Author,
    #[schema(value_type = Action)]
    what: Word<Action>,
    subject: Subject,
    changes: Vec<Change>,
}

#[derive(Serialize, ToSchema)]
pub struct Subject {
    #[schema(value_type = SubjectKind)]
    kind: Word<SubjectKind>,
    id: Uuid,
    /// A shipment's reference as it is now; a partner's or person's name, or the address of who is invited, as it was then.
    name: String,
    /// Whether there still is such a shipment, partner or user.
    exists: bool,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    at: DateTime<Utc>,
    user_id: Uuid,
    by_name: String,
    kind: String,
    about: Uuid,
    name: String,
    #[sqlx(rename = "subject_exists")]
    exists: bool,
    what: String,
    changes: String,
}

/// What has happened in the organisation, the latest first
///
/// What happened to people is told to managers and owners. A buyer's new name is one line, and not one for each of its shipments, unless `kind` or `about` leaves the partner out.
#[utoipa::path(
    get, path = "/api/history", tag = "history", params(ActivityQuery), security(("bearer" = [])),
    responses((status = OK, body = Activity)),
)]
pub async fn list_history(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ActivityQuery>,
) -> Result<Json<Activity>, Error> {
    if !(1..=100).contains(&query.limit) {
        return Err(Error::Invalid(vec![FieldError::new("limit", "must be between 1 and 100")]));
    }
    let is_of_people = query.kind == Some(SubjectKind::Person);
    let mut tx = caller.begin(&app, if is_of_people { Role::Manager } else { Role::Viewer }).await?;
    let sees_people = tx.role().is_some_and(|role| role >= Role::Manager);
    // One more tells whether there are older ones.
    let mut statement = statement("", &query, sees_people, query.limit + 1);
    let rows: Vec<Row> = statement.build_query_as().fetch_all(&mut *tx).await?;
    let is_last = rows.len() as i64 <= query.limit;
    let items = rows.into_iter().take(query.limit as usize).map(entry).collect::<Result<Vec<_>, _>>()?;
    let next = items.last().filter(|_| !is_last).map(|entry| entry.id.to_string());
    Ok(Json(Activity { items, next }))
}

fn entry(row: Row) -> Result<ActivityEntry, Error> {
    Ok(ActivityEntry {
        id: row.id,
        at: row.at,
        by: Author { id: row.user_id, name: row.by_name },
        what: row.what.into(),
        subject: Subject { kind: row.kind.into(), id: row.about, name: row.name, exists: row.exists },
        changes: changes_of(&row.changes)?,
    })
}

/// What is asked of the database, behind `start`: two tables, each read from its end and no further than wanted. As for the list of
/// shipments, only what is asked for is in it, and the organisation is added by row-level security.
pub fn statement(
    start: &str,
    query: &ActivityQuery,
    sees_people: bool,
    limit: i64,
) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(start);
    sql.push("WITH entries AS (");
    let is_of_shipments = query.kind.is_none_or(|kind| kind == SubjectKind::Shipment);
    let is_of_others = query.kind != Some(SubjectKind::Shipment);
    if is_of_shipments {
        sql.push(
            "(SELECT id, at, user_id, 'shipment' AS kind, shipment_id AS about, NULL AS name, what, changes FROM history WHERE true",
        );
        // Where the cause is told as well.
        if is_of_others && query.about.is_none() {
            sql.push(" AND NOT is_caused");
        }
        push_wanted(&mut sql, query, "shipment_id", limit);
    }
    if is_of_shipments && is_of_others {
        sql.push(" UNION ALL ");
    }
    if is_of_others {
        sql.push(
            "(SELECT id, at, user_id, kind, about, name, what, changes FROM organisation_history WHERE true",
        );
        if let Some(kind) = query.kind {
            sql.push(" AND kind = ").push_bind(kind);
        }
        if !sees_people {
            // Not all but people: a later release may know of more that is not for everybody.
            sql.push(" AND kind = ").push_bind(SubjectKind::Partner);
        }
        push_wanted(&mut sql, query, "about", limit);
    }
    sql.push(
        ") SELECT entries.id, entries.at, entries.user_id, users.name AS by_name, entries.kind, entries.about, entries.what,
                  changes::text AS changes, coalesce(shipments.reference, entries.name) AS name,
                  coalesce(shipments.id, partners.id, people.id) IS NOT NULL AS subject_exists
           FROM entries JOIN users ON users.id = entries.user_id
           LEFT JOIN shipments ON entries.kind = 'shipment' AND shipments.id = entries.about
           LEFT JOIN partners ON entries.kind = 'partner' AND partners.id = entries.about
           LEFT JOIN users people ON entries.kind = 'person' AND people.id = entries.about
           ORDER BY entries.id DESC LIMIT ",
    );
    sql.push_bind(limit);
    sql
}

fn push_wanted(sql: &mut QueryBuilder<Postgres>, query: &ActivityQuery, about: &str, limit: i64) {
    if let Some(Id(after)) = query.after {
        sql.push(" AND id < ").push_bind(after);
    }
    if let Some(Id(by)) = query.by {
        sql.push(" AND user_id = ").push_bind(by);
    }
    if let Some(Id(asked)) = query.about {
        sql.push(format_args!(" AND {about} = ")).push_bind(asked);
    }
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(limit).push(")");
}

/// What is noted of something that is no shipment.
pub struct NewEntry<'a> {
    pub kind: SubjectKind,
    pub about: Uuid,
    pub name: &'a str,
    pub what: Action,
    pub changes: Vec<Change>,
}

/// Writes down what this user does, in the transaction that does it.
pub async fn note(tx: &mut sqlx::PgConnection, user: Uuid, new: NewEntry<'_>) -> Result<(), Error> {
    sqlx::query!(
        r#"INSERT INTO organisation_history (organisation_id, id, user_id, kind, about, name, what, changes)
           VALUES (current_organisation_id(), $1, $2, $3, $4, $5, $6, $7::text::jsonb)"#,
        Uuid::now_v7(),
        user,
        new.kind as SubjectKind,
        new.about,
        new.name,
        new.what as Action,
        serde_json::to_string(&new.changes).map_err(anyhow::Error::from)?
    )
    .execute(tx)
    .await?;
    Ok(())
}
