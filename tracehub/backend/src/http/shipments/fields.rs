//! What people write of a shipment: how long it may be, what is put right, and what is refused.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::day::Day;
use crate::http::{Error, FieldError, Rule};
use crate::{container_number, text};

/// What texts may hold, in characters; the database's checks have the same numbers.
pub const REFERENCE: usize = 64;
pub const PRODUCT: usize = 200;
pub const PORT: usize = 100;
pub const BUYER: usize = 200;
pub const BILL_OF_LADING: usize = 64;
pub const BOOKING: usize = 64;
pub const VESSEL: usize = 100;
pub const VOYAGE: usize = 32;
/// A container number as people write it, with spaces and hyphens.
const CONTAINER_NUMBER: usize = 32;

/// Who pays for what, and bears which risk, up to where: the Incoterms of 2020.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
#[sqlx(type_name = "text", rename_all = "UPPERCASE")]
pub enum Incoterm {
    Exw,
    Fca,
    Fas,
    Fob,
    Cfr,
    Cif,
    Cpt,
    Cip,
    Dap,
    Dpu,
    Ddp,
}

/// Puts fields right, and gathers everything that is wrong with them.
#[derive(Default)]
pub struct Check(Vec<FieldError>);

impl Check {
    /// A text.
    pub fn text(&mut self, field: &str, text: &mut String, longest: usize) {
        match text::plain(text, longest) {
            Ok(plain) => *text = plain,
            Err(wrong) => self.0.push(FieldError::of_text(field, wrong)),
        }
    }

    /// A text, if there is one.
    pub fn optional(&mut self, field: &str, text: &mut Option<String>, longest: usize) {
        if let Some(text) = text {
            self.text(field, text, longest);
        }
    }

    /// A text that is kept, perhaps from before there were rules: as it is to be from now on, if that is another.
    pub fn kept(&mut self, field: &str, kept: &str, longest: usize) -> Option<String> {
        let mut text = kept.to_owned();
        self.text(field, &mut text, longest);
        (text != kept).then_some(text)
    }

    /// A container number; nothing is none.
    pub fn container(&mut self, number: &mut Option<String>) {
        let is_written_so = |number: &str| {
            number.len() <= CONTAINER_NUMBER
                && number.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" -".contains(&byte))
        };
        let is_written_so = number.as_deref().is_none_or(is_written_so);
        let normal = number.take().map(|number| container_number::normalise(&number));
        *number = normal.filter(|number| !number.is_empty());
        if !is_written_so || !number.as_deref().is_none_or(container_number::is_valid) {
            self.0.push(FieldError::breaks(
                "container_number",
                Rule::ContainerNumber,
                "must be four letters and seven digits whose last one fits, such as CSQU3054383",
            ));
        }
    }

    /// The day of the departure and that of the arrival.
    pub fn days(&mut self, departs_on: Option<Day>, arrives_on: Option<Day>) {
        for (field, day) in [("departs_on", departs_on), ("arrives_on", arrives_on)] {
            if !day.is_none_or(Day::is_of_this_century) {
                self.0.push(FieldError::breaks(
                    field,
                    Rule::OutOfRange,
                    "must be between 2000-01-01 and 2099-12-31",
                ));
            }
        }
        if departs_on.zip(arrives_on).is_some_and(|(departs, arrives)| arrives < departs) {
            self.0.push(FieldError::breaks(
                "arrives_on",
                Rule::BeforeDeparture,
                "must not be before the departure",
            ));
        }
    }

    /// Everything that is wrong, if something is.
    pub fn done(self) -> Result<(), Error> {
        if self.0.is_empty() { Ok(()) } else { Err(Error::Invalid(self.0)) }
    }
}
