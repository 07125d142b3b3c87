//! Finding shipments: by what is in them, by where they stand and when they travel; a page at a time, or as a table for a
//! spreadsheet.

use axum::extract::State;
use axum::http::{HeaderName, header};
use serde::{Deserialize, Serialize};
use sqlx::{Postgres, QueryBuilder};
use utoipa::{IntoParams, ToSchema};

use super::fields::PORT;
use super::row::Row;
use super::{Shipment, Stage};
use crate::day::{self, Day};
use crate::http::auth::Caller;
use crate::http::extract::{Id, Json, Query};
use crate::http::role::Role;
use crate::http::{App, Error, FieldError, Problem};
use crate::{container_number, text};

/// Longer than anything that may be found.
const SEARCH: usize = 200;
/// How many rows a table has at most: a spreadsheet opens it, and nobody waits long.
const ROWS: i64 = 5_000;

/// Which shipments are asked for, and how many.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// How many at most.
    #[param(minimum = 1, maximum = 100)]
    #[serde(default = "default_limit")]
    limit: i64,
    /// The `next` of the page before.
    #[param(value_type = Option<uuid::Uuid>)]
    after: Option<Id>,
    /// A part of the reference, product, a container's number, a port, a partner's name, bill of lading, booking, vessel or
    /// the goods.
    #[param(schema_with = text::searched::<SEARCH>)]
    search: Option<String>,
    /// Only those at this stage.
    #[param(inline)]
    stage: Option<Stage>,
    /// Only those that have this partner.
    #[param(value_type = Option<uuid::Uuid>)]
    partner: Option<Id>,
    /// Only those from or to a port with this in its name.
    #[param(schema_with = text::searched::<PORT>)]
    port: Option<String>,
    /// Only those that depart on this day or later.
    #[param(schema_with = day::schema)]
    departs_from: Option<Day>,
    /// Only those that depart on this day or earlier.
    #[param(schema_with = day::schema)]
    departs_until: Option<Day>,
    /// Only those that arrive on this day or later.
    #[param(schema_with = day::schema)]
    arrives_from: Option<Day>,
    /// Only those that arrive on this day or earlier.
    #[param(schema_with = day::schema)]
    arrives_until: Option<Day>,
    /// Which come first.
    #[serde(default)]
    #[param(inline, required = false)]
    sort: Sort,
}

fn default_limit() -> i64 {
    50
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// What was created last.
    #[default]
    Newest,
    /// What departs last; at the end what has no day.
    Departure,
    /// What arrives last; at the end what has no day.
    Arrival,
}

#[derive(Serialize, ToSchema)]
pub struct ShipmentPage {
    items: Vec<Shipment>,
    /// What to ask the following page with, if there is one.
    next: Option<String>,
}

/// The organisation's shipments
#[utoipa::path(
    get, path = "/api/shipments", tag = "shipments", params(ListQuery), security(("bearer" = [])),
    responses(
        (status = OK, body = ShipmentPage),
        (
            status = TOO_MANY_REQUESTS, body = Problem, content_type = "application/problem+json",
            description = "Too many searches of this organisation are under way",
            headers(("retry-after" = u64, description = "In how many seconds it may be tried again")),
        ),
    ),
)]
pub async fn list_shipments(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<ShipmentPage>, Error> {
    let query = query.checked()?;
    let limit = query.limit;
    // One more than asked for tells whether there is another page.
    let mut items = found(&app, &caller, &query, limit + 1).await?;
    let is_last = items.len() as i64 <= limit;
    items.truncate(limit as usize);
    let next = items.last().filter(|_| !is_last).map(|shipment| shipment.id.to_string());
    Ok(Json(ShipmentPage { items, next }))
}

/// The same as a table for spreadsheets
///
/// In UTF-8, with at most 5,000 rows. A cell that a spreadsheet would take for a formula begins with an apostrophe.
#[utoipa::path(
    get, path = "/api/shipments/csv", tag = "shipments", params(ListQuery), security(("bearer" = [])),
    responses(
        (status = OK, body = String, content_type = "text/csv"),
        (
            status = TOO_MANY_REQUESTS, body = Problem, content_type = "application/problem+json",
            description = "Too many searches of this organisation are under way",
            headers(("retry-after" = u64, description = "In how many seconds it may be tried again")),
        ),
    ),
)]
pub async fn shipments_as_csv(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<([(HeaderName, &'static str); 2], String), Error> {
    let query = query.checked()?;
    let rows = found(&app, &caller, &query, ROWS).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"shipments.csv\""),
    ];
    Ok((headers, table(&rows)))
}

async fn found(app: &App, caller: &Caller, query: &ListQuery, limit: i64) -> Result<Vec<Shipment>, Error> {
    // Held until the answer is there. Only who is searching waits, and before a connection is taken.
    let reads_all = query.search.is_some() || query.port.is_some() || limit == ROWS;
    let place = match reads_all {
        true => Some(app.searches.enter(caller.organisation(app).await?)?),
        false => None,
    };
    let _turn = match &place {
        Some(place) => Some(place.turn().await?),
        None => None,
    };
    let mut tx = caller.begin(app, Role::Viewer).await?;
    let rows: Vec<Row> = statement("", query, limit).build_query_as().fetch_all(&mut *tx).await?;
    Ok(rows.into_iter().map(Shipment::from).collect())
}

/// What is asked of the database, behind `start`. Only what is asked for is in it, so that each question has a plan of its
/// own. The organisation is not mentioned: row-level security adds it. strpos, since in LIKE the user's own % and _ would
/// have a meaning.
pub fn statement(start: &str, query: &ListQuery, limit: i64) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(start);
    sql.push(
        "SELECT id, reference, product, status, stage, version, container_number, origin_port, destination_port, departs_on,
                arrives_on, incoterm, buyer, bill_of_lading, booking, vessel, voyage, created_at, updated_at,
                CASE WHEN stage = 'archived' THEN
                    (SELECT change ->> 'before' FROM history, jsonb_array_elements(changes) AS change
                     WHERE shipment_id = shipments.id AND change ->> 'field' = 'stage' AND change ->> 'after' = 'archived'
                     ORDER BY history.id DESC LIMIT 1)
                END AS archived_from
         FROM shipments WHERE true",
    );
    if let Some(search) = &query.search {
        push_search(&mut sql, search);
    }
    if let Some(stage) = query.stage {
        // Where only releases without stages have written, the status says it.
        let before = (stage.status().stage() == stage).then(|| stage.status());
        sql.push(" AND (stage = ").push_bind(stage);
        sql.push(" OR stage IS NULL AND status = ").push_bind(before).push(")");
    }
    if let Some(Id(partner)) = query.partner {
        sql.push(" AND id IN (SELECT shipment_id FROM shipment_partners WHERE partner_id = ")
            .push_bind(partner);
        sql.push(")");
    }
    if let Some(port) = &query.port {
        sql.push(" AND strpos(lower(concat_ws(chr(10), origin_port, destination_port)), lower(")
            .push_bind(port.clone());
        sql.push(")) > 0");
    }
    for (comparison, day) in [
        (" AND departs_on >= ", query.departs_from),
        (" AND departs_on <= ", query.departs_until),
        (" AND arrives_on >= ", query.arrives_from),
        (" AND arrives_on <= ", query.arrives_until),
    ] {
        if let Some(day) = day {
            sql.push(comparison).push_bind(day);
        }
    }
    // As the indexes have it.
    let key = match query.sort {
        Sort::Newest => "id",
        Sort::Departure => "coalesce(departs_on, '-infinity'::date), id",
        Sort::Arrival => "coalesce(arrives_on, '-infinity'::date), id",
    };
    if let Some(Id(after)) = query.after {
        sql.push(format_args!(" AND ({key}) < (SELECT {key} FROM shipments WHERE id = ")).push_bind(after);
        sql.push(")");
    }
    sql.push(format_args!(" ORDER BY {} DESC LIMIT ", key.replace(", id", " DESC, id"))).push_bind(limit);
    sql
}

/// What lies in other tables is looked through once, and not once for each shipment.
fn push_search(sql: &mut QueryBuilder<Postgres>, search: &str) {
    sql.push(
        " AND (strpos(lower(concat_ws(chr(10), reference, product, container_number, origin_port, destination_port, buyer,
                                      bill_of_lading, booking, vessel)), lower(",
    );
    sql.push_bind(search.to_owned());
    sql.push(")) > 0 OR id IN (SELECT shipment_id FROM items WHERE strpos(lower(goods), lower(");
    sql.push_bind(search.to_owned());
    sql.push(")) > 0) OR id IN (SELECT shipment_id FROM shipment_partners JOIN partners ON partners.id = partner_id
                                WHERE strpos(name_folded, folded(");
    sql.push_bind(search.to_owned());
    sql.push(")) > 0)");
    let number = container_number::normalise(search);
    if !number.is_empty() {
        sql.push(" OR id IN (SELECT shipment_id FROM containers WHERE strpos(number, ").push_bind(number);
        sql.push(") > 0)");
    }
    sql.push(")");
}

impl ListQuery {
    /// With its texts as they are kept; or everything that is wrong with it.
    fn checked(mut self) -> Result<Self, Error> {
        let mut wrong = Vec::new();
        if !(1..=100).contains(&self.limit) {
            wrong.push(FieldError::new("limit", "must be between 1 and 100"));
        }
        for (field, text, longest) in [("search", &mut self.search, SEARCH), ("port", &mut self.port, PORT)] {
            match text.take().map(|text| text::plain(&text, longest)).transpose() {
                Ok(plain) => *text = plain,
                Err(text::Wrong::Empty) => {}
                Err(what) => wrong.push(FieldError::of_text(field, what)),
            }
        }
        if wrong.is_empty() { Ok(self) } else { Err(Error::Invalid(wrong)) }
    }
}

/// As RFC 4180 has it. The mark at its beginning is for spreadsheets that would not know it as UTF-8.
fn table(shipments: &[Shipment]) -> String {
    const COLUMNS: &str = "reference,product,stage,container_number,origin_port,destination_port,departs_on,arrives_on,\
                           incoterm,buyer,bill_of_lading,booking,vessel,voyage";
    let mut table = format!("\u{FEFF}{COLUMNS}\r\n");
    for shipment in shipments {
        // Its fields, as the API has them: each is a text, or none.
        let fields = serde_json::to_value(shipment).unwrap_or_default();
        let cells = COLUMNS.split(',').map(|column| cell(fields[column].as_str().unwrap_or_default()));
        table.push_str(&cells.collect::<Vec<_>>().join(","));
        table.push_str("\r\n");
    }
    table
}

/// In quotes where it has to be. What a spreadsheet would run as a formula is text behind an apostrophe.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r', '\'']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cell_is_text_whatever_is_in_it() {
        for (text, cell_of_it) in [
            ("Cocoa", "Cocoa"),
            ("Cocoa, 25 t", "\"Cocoa, 25 t\""),
            ("the \"good\" one", "\"the \"\"good\"\" one\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("\t=1", "\"'\t=1\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), cell_of_it);
        }
    }

    proptest! {
        #[test]
        fn no_cell_begins_a_formula_or_ends_its_row(text in "[=+@,\"'a\n\r\t -]{0,8}") {
            let cell = cell(&text);
            let inner = cell.strip_prefix('"').and_then(|cell| cell.strip_suffix('"'));
            let read = inner.map_or(cell.clone(), |inner| inner.replace("\"\"", "\""));
            prop_assert!(!read.starts_with(['=', '+', '-', '@', '\t', '\r']));
            prop_assert!(inner.is_some() || !cell.contains([',', '"', '\n', '\r']));
            prop_assert_eq!(read.strip_prefix('\'').filter(|rest| *rest == text).unwrap_or(&read), &text);
        }
    }
}
