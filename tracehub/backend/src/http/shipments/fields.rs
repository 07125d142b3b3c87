//! What people write of a shipment: how long it may be, what is put right, and what is refused.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::day::Day;
use crate::http::{Error, FieldError, Rule};
use crate::{codes, container_number, text};

/// What texts may hold, in characters; the database's checks have the same numbers.
pub const REFERENCE: usize = 64;
pub const PRODUCT: usize = 200;
pub const PORT: usize = 100;
pub const BUYER: usize = 200;
pub const BILL_OF_LADING: usize = 64;
pub const BOOKING: usize = 64;
pub const VESSEL: usize = 100;
pub const VOYAGE: usize = 32;
/// In grams: a hundred thousand tonnes.
pub const HEAVIEST: usize = 100_000_000_000;
/// A code as people write it, with spaces and hyphens.
pub const CODE: usize = 32;

/// Reads a code as people write it; gives it in the form that is stored.
type Code = fn(&str) -> Option<String>;

/// How the code is read that the rule is about, and what it has to be.
fn reading(rule: Rule) -> (Code, &'static str) {
    match rule {
        Rule::ContainerKind => (codes::container_kind, "a size and type of ISO 6346, such as 45G1"),
        Rule::HsCode => (codes::hs_code, "six to eight digits of the Harmonized System, such as 180100"),
        Rule::Eori => {
            (codes::eori, "a country's two letters and up to 15 letters and digits, such as DE1234567")
        }
        _ => (codes::country, "a country's two letters, such as DE"),
    }
}

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

    /// A mail address, if there is one.
    pub fn address(&mut self, field: &str, address: &mut Option<String>, longest: usize) {
        match address.as_deref().map(|address| text::address(address, longest)).transpose() {
            Ok(plain) => *address = plain,
            Err(wrong) => self.0.push(FieldError::of_text(field, wrong)),
        }
    }

    /// A code, in the form that is stored; nothing is none.
    pub fn code(&mut self, field: &str, code: &mut Option<String>, rule: Rule) {
        let (read, what) = reading(rule);
        let Some(written) = code.take().filter(|code| !code.trim_matches(' ').is_empty()) else { return };
        let is_written_so = is_written_so(&written, b" .-");
        *code = read(&written).filter(|_| is_written_so);
        if code.is_none() {
            self.wrong(field, rule, format!("must be {what}"));
        }
    }

    /// A number, if there is one.
    pub fn within(&mut self, field: &str, number: Option<i64>, bounds: RangeInclusive<i64>) {
        if number.is_some_and(|number| !bounds.contains(&number)) {
            let why = format!("must be between {} and {}", bounds.start(), bounds.end());
            self.wrong(field, Rule::Amount, why);
        }
    }

    /// That something is wrong with this field.
    pub fn wrong(&mut self, field: &str, rule: Rule, why: impl Into<String>) {
        self.push(FieldError::breaks(field, rule, why));
    }

    /// That this is wrong.
    pub fn push(&mut self, wrong: FieldError) {
        self.0.push(wrong);
    }

    /// A container number; nothing is none.
    pub fn container(&mut self, field: &str, number: &mut Option<String>) {
        let is_written_so = |number: &str| is_written_so(number, b" -");
        let is_written_so = number.as_deref().is_none_or(is_written_so);
        let normal = number.take().map(|number| container_number::normalise(&number));
        *number = normal.filter(|number| !number.is_empty());
        if !is_written_so || !number.as_deref().is_none_or(container_number::is_valid) {
            let fits = number.as_deref().and_then(container_number::fitting);
            let digit = fits.as_ref().and_then(|fits| fits.chars().last()?.to_digit(10));
            self.0.push(match fits.zip(digit) {
                Some((fits, digit)) => {
                    let why = format!("must end with another check digit: it would be {fits}");
                    FieldError::breaks(field, Rule::CheckDigit, why).limit(digit as usize)
                }
                None => {
                    let why =
                        "must be four letters and seven digits whose last one fits, such as CSQU3054383";
                    FieldError::breaks(field, Rule::ContainerNumber, why)
                }
            });
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

/// No longer than codes are written, and of no other characters than letters, digits and these.
fn is_written_so(code: &str, besides: &[u8]) -> bool {
    code.len() <= CODE && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || besides.contains(&byte))
}

/// A code as people write it, for the API's document.
pub fn code() -> Object {
    let text = ObjectBuilder::new().schema_type(SchemaType::Array(vec![Type::String, Type::Null]));
    text.max_length(Some(CODE)).pattern(Some("^[A-Za-z0-9 .-]*$")).build()
}

/// A whole number of at least 1, or none, for the API's document.
pub fn counted<const MOST: usize>() -> Object {
    let number = ObjectBuilder::new().schema_type(SchemaType::Array(vec![Type::Integer, Type::Null]));
    number.minimum(Some(1)).maximum(Some(MOST)).build()
}

/// A container number as people write it, for the API's document.
pub fn number() -> Object {
    let text = ObjectBuilder::new().schema_type(SchemaType::new(Type::String));
    text.max_length(Some(CODE)).pattern(Some("^[A-Za-z0-9 -]*$")).build()
}
