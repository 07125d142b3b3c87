//! What stands on top of a pack, and of the page for the buyer: which shipment it is.

use std::fmt::Write as _;

use chrono::{NaiveDate, Utc};
use uuid::Uuid;

use super::PageLanguage;
use crate::database::OrganisationTx;
use crate::http::Error;

/// What is told of a shipment to whoever is shown its papers.
pub struct Cover {
    pub id: Uuid,
    pub organisation: String,
    pub reference: String,
    pub product: String,
    pub origin: String,
    pub destination: String,
    container: Option<String>,
    bill_of_lading: Option<String>,
    vessel: Option<String>,
    departs_on: Option<NaiveDate>,
    arrives_on: Option<NaiveDate>,
}

/// The texts in a pack, each with its name.
pub struct Sheet {
    pub reference: String,
    pub name: String,
    pub text: String,
    pub history: Option<(String, String)>,
}

impl Cover {
    /// That of a shipment.
    pub async fn of(tx: &mut OrganisationTx, shipment: Uuid) -> Result<Self, Error> {
        Self::find(tx, shipment).await?.ok_or(Error::NotFound)
    }

    /// Like `of`, if there is one.
    pub async fn find(tx: &mut OrganisationTx, shipment: Uuid) -> sqlx::Result<Option<Self>> {
        let found = sqlx::query_as!(
            Cover,
            r#"SELECT shipments.id, organisations.name AS organisation, reference, product, origin_port AS origin,
                      destination_port AS destination, container_number AS container, bill_of_lading, vessel, departs_on,
                      arrives_on
               FROM shipments JOIN organisations ON organisations.id = organisation_id WHERE shipments.id = $1"#,
            shipment
        );
        found.fetch_optional(&mut **tx).await
    }

    /// Its facts, each with what it is called.
    pub fn facts(&self, language: PageLanguage) -> Vec<(&'static str, String)> {
        let words = language.words();
        let day = |day: Option<NaiveDate>| day.map(|day| day.to_string());
        let all = [
            (words.reference, Some(self.reference.clone())),
            (words.product, Some(self.product.clone())),
            (words.route, Some(format!("{} – {}", self.origin, self.destination))),
            (words.container, self.container.clone()),
            (words.bill_of_lading, self.bill_of_lading.clone()),
            (words.vessel, self.vessel.clone()),
            (words.departs, day(self.departs_on)),
            (words.arrives, day(self.arrives_on)),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// As a text, with the history where whoever gets it may know who did what.
    pub async fn sheet(
        self,
        language: PageLanguage,
        with_history: bool,
        tx: &mut OrganisationTx,
    ) -> Result<Sheet, Error> {
        let words = language.words();
        let mut text = format!("{}\r\n\r\n", self.organisation);
        for (name, value) in self.facts(language) {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        let _ = write!(text, "\r\n{}: {} UTC\r\n", words.made_at, Utc::now().format("%Y-%m-%d %H:%M"));
        let history = match with_history {
            true => Some((format!("00 {}.txt", words.history), history(tx, self.id).await?)),
            false => None,
        };
        let name = format!("00 {}.txt", self.reference);
        Ok(Sheet { reference: self.reference, name, text, history })
    }
}

/// A line for each change, the oldest first.
async fn history(tx: &mut OrganisationTx, shipment: Uuid) -> Result<String, Error> {
    let lines = sqlx::query_scalar!(
        r#"SELECT concat_ws(' ', to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), users.name || ':', what,
                            (SELECT string_agg(concat(change ->> 'field', ': ', change ->> 'before', ' → ', change ->> 'after'), '; ')
                             FROM jsonb_array_elements(changes) AS change)) AS "line!"
           FROM history JOIN users ON users.id = user_id WHERE shipment_id = $1 ORDER BY history.id LIMIT 5000"#,
        shipment
    );
    let lines = lines.fetch_all(&mut **tx).await?;
    Ok(lines.iter().map(|line| format!("{line}\r\n")).collect())
}
