//! The people of an organisation: who they are, what they may do, and that they may do nothing any more.

use axum::extract::State;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgConnection;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::auth::Caller;
use super::extract::{Id, Json, Path};
use super::history::{self, Action, NewEntry, SubjectKind};
use super::role::Role;
use super::shipments::history::Change;
use super::{App, Error, FieldError, links};
use crate::database::OrganisationTx;
use crate::password::NOBODYS;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_people)).routes(routes!(change_person))
}

#[derive(Serialize, ToSchema)]
pub struct Person {
    id: Uuid,
    email: String,
    name: String,
    role: Role,
    created_at: DateTime<Utc>,
    /// Nobody logs in as this person.
    is_suspended: bool,
}

#[derive(Serialize, ToSchema)]
pub struct People {
    items: Vec<Person>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonChange {
    /// What the person may do from now on.
    role: Option<Role>,
    /// `true` ends every log-in at once. The way back is a link for another password.
    is_suspended: Option<bool>,
}

/// Everybody in the organisation
#[utoipa::path(
    get, path = "/api/people", tag = "people", security(("bearer" = [])),
    responses((status = OK, body = People)),
)]
pub async fn list_people(State(app): State<App>, caller: Caller) -> Result<Json<People>, Error> {
    let mut tx = caller.begin(&app, Role::Viewer).await?;
    let items = sqlx::query_as!(
        Person,
        r#"SELECT id AS "id!", email AS "email!", name AS "name!", role AS "role!: Role", created_at AS "created_at!",
                  is_suspended AS "is_suspended!"
           FROM people($1) ORDER BY lower(name), email"#,
        NOBODYS
    )
    .fetch_all(&mut *tx)
    .await?;
    Ok(Json(People { items }))
}

/// Give somebody another role, or suspend them
#[utoipa::path(
    patch, path = "/api/people/{id}", tag = "people", request_body = PersonChange, params(("id" = Uuid, Path)),
    security(("bearer" = [])),
    responses((status = OK, body = Person)),
)]
pub async fn change_person(
    State(app): State<App>,
    caller: Caller,
    Path(Id(id)): Path<Id>,
    Json(change): Json<PersonChange>,
) -> Result<Json<Person>, Error> {
    if change.is_suspended == Some(false) {
        let why = "can only be true: a link for another password is the way back";
        return Err(Error::Invalid(vec![FieldError::new("is_suspended", why)]));
    }
    // One after the other, so that two owners can't take each other's role at once: there is always one.
    let mut tx = caller.begin_alone(&app, Role::Manager).await?;
    let person = find(&mut tx, id).await?.ok_or(Error::NotFound)?;
    decides_about(&tx, person.role)?;
    if id == tx.user() {
        return Err(Error::of(
            StatusCode::FORBIDDEN,
            "/problems/own-role",
            "nobody changes their own role, or suspends themselves",
        ));
    }
    if let Some(role) = change.role.filter(|role| *role != person.role) {
        decides_about(&tx, role)?;
        sqlx::query!("UPDATE users SET role = $2 WHERE id = $1", id, role as Role).execute(&mut *tx).await?;
        links::end_those_for(&mut tx, id).await?;
        let by = tx.user();
        note(&mut tx, by, (id, &person.name), Action::Changed, role_change(Some(person.role), role)).await?;
    }
    let may_less = change.is_suspended == Some(true) || change.role.is_some_and(|role| role < person.role);
    if may_less {
        links::end_those_made_by(&mut tx, id).await?;
    }
    if change.is_suspended == Some(true) {
        sqlx::query!("SELECT suspend($1, $2)", id, NOBODYS).fetch_one(&mut *tx).await?;
        if !person.is_suspended {
            let by = tx.user();
            note(&mut tx, by, (id, &person.name), Action::Suspended, vec![]).await?;
        }
    }
    let person = find(&mut tx, id).await?.ok_or(Error::NotFound)?;
    tx.commit().await?;
    Ok(Json(person))
}

async fn find(tx: &mut OrganisationTx, id: Uuid) -> Result<Option<Person>, Error> {
    let found = sqlx::query_as!(
        Person,
        r#"SELECT id AS "id!", email AS "email!", name AS "name!", role AS "role!: Role", created_at AS "created_at!",
                  is_suspended AS "is_suspended!"
           FROM people($1) WHERE id = $2"#,
        NOBODYS,
        id
    );
    Ok(found.fetch_optional(&mut **tx).await?)
}

/// Writes down what this user does to the person, or the invitation, of this id and name.
pub async fn note(
    tx: &mut PgConnection,
    user: Uuid,
    (about, name): (Uuid, &str),
    what: Action,
    changes: Vec<Change>,
) -> Result<(), Error> {
    history::note(tx, user, NewEntry { kind: SubjectKind::Person, about, name, what, changes }).await
}

/// Which role somebody has from then on.
pub fn role_change(before: Option<Role>, after: Role) -> Vec<Change> {
    let before = before.map(|role| role.word().into());
    vec![Change { field: "role".into(), before, after: Some(after.word().into()) }]
}

/// Whether who the transaction is for decides about somebody of this role.
pub fn decides_about(tx: &OrganisationTx, role: Role) -> Result<(), Error> {
    match tx.role() {
        Some(own) if own.is_above(role) => Ok(()),
        _ => Err(Error::of(
            StatusCode::FORBIDDEN,
            "/problems/owners-only",
            "only an owner decides about owners and managers",
        )),
    }
}
