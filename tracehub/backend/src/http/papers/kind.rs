//! The kinds of papers that an export has.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// In the order in which people look for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = PaperKind)]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Kind {
    BillOfLading,
    CommercialInvoice,
    PackingList,
    CertificateOfOrigin,
    Phytosanitary,
    Fumigation,
    Sanitary,
    VeterinaryHealth,
    /// The commercial document for animal by-products.
    AnimalByProducts,
    /// The reference of a Common Health Entry Document.
    Ched,
    Insurance,
    Quality,
    CustomsDeclaration,
    ExportDeclaration,
    /// Geolocation and due diligence, as the EU Deforestation Regulation wants them.
    Eudr,
    Contract,
    Other,
}

impl Kind {
    /// The one that is written so.
    pub fn parse(word: &str) -> Option<Self> {
        serde_json::from_value(word.into()).ok()
    }

    /// As it is written.
    pub fn word(self) -> String {
        serde_json::to_value(self).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default()
    }
}
