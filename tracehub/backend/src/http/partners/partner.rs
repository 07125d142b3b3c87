//! A partner as it is answered, entered and changed, and what may stand in its fields.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ArrayBuilder, Schema};
use uuid::Uuid;

use crate::http::auth::EMAIL;
use crate::http::change::given;
use crate::http::shipments::{Check, code};
use crate::http::{Error, FieldError, Rule};
use crate::text;

pub(super) const NAME: usize = 200;
const LINE: usize = 100;
const LINES: usize = 5;

#[derive(Clone, Serialize, ToSchema)]
pub struct Partner {
    pub id: Uuid,
    pub kind: PartnerKind,
    /// Unique among those of its kind.
    pub name: String,
    /// Line by line, as it stands on an envelope.
    pub address: Vec<String>,
    /// Two letters of ISO 3166.
    pub country: Option<String>,
    /// The number by which the European Union's customs know a trader.
    pub eori: Option<String>,
    pub email: Option<String>,
    /// How many shipments have it.
    pub shipments: i64,
    pub created_at: DateTime<Utc>,
    /// Counts its changes. In quotes, it is the ETag.
    pub version: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum PartnerKind {
    /// Who buys, and is sent the goods.
    Buyer,
    /// Who carries them.
    Carrier,
    /// Who clears or forwards them.
    Agent,
    Other,
}

impl PartnerKind {
    /// As the history names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Buyer => "buyer",
            Self::Carrier => "carrier",
            Self::Agent => "agent",
            Self::Other => "other",
        }
    }
}

#[derive(PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPartner {
    pub(super) kind: PartnerKind,
    #[schema(schema_with = text::schema::<NAME>)]
    pub(super) name: String,
    /// Line by line, as it stands on an envelope.
    #[serde(default)]
    #[schema(schema_with = lines)]
    pub(super) address: Vec<String>,
    /// Two letters of ISO 3166.
    #[schema(schema_with = code)]
    pub(super) country: Option<String>,
    /// The number by which the European Union's customs know a trader: a country, and up to 15 letters and digits.
    #[schema(schema_with = code)]
    pub(super) eori: Option<String>,
    #[schema(schema_with = text::optional::<EMAIL>)]
    pub(super) email: Option<String>,
}

/// What of a partner is to be another: a field that is left out stays, and `null` empties one that may be empty. Its kind
/// stays: shipments name it by that.
#[derive(Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PartnerChange {
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::schema::<NAME>)]
    name: Option<String>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = lines)]
    address: Option<Vec<String>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = code)]
    country: Option<Option<String>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = code)]
    eori: Option<Option<String>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = text::optional::<EMAIL>)]
    email: Option<Option<String>>,
}

fn lines() -> Schema {
    Schema::Array(ArrayBuilder::new().items(text::schema::<LINE>()).max_items(Some(LINES)).build())
}

impl NewPartner {
    /// As it is stored; or everything that is wrong with it.
    pub(super) fn checked(mut self) -> Result<Self, Error> {
        let mut check = Check::default();
        check.text("name", &mut self.name, NAME);
        if self.address.len() > LINES {
            let why = format!("must not have more than {LINES} lines");
            check.push(FieldError::breaks("address", Rule::TooManyLines, why).limit(LINES));
        }
        for (place, line) in self.address.iter_mut().enumerate() {
            check.text(&format!("address[{place}]"), line, LINE);
        }
        check.code("country", &mut self.country, Rule::Country);
        check.code("eori", &mut self.eori, Rule::Eori);
        check.address("email", &mut self.email, EMAIL);
        check.done()?;
        Ok(self)
    }
}

impl From<Partner> for NewPartner {
    fn from(it: Partner) -> Self {
        let Partner { kind, name, address, country, eori, email, .. } = it;
        Self { kind, name, address, country, eori, email }
    }
}
