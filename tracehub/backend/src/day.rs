//! Days, as shipments have them: of this century, written in one way.

use std::fmt;
use std::ops::RangeInclusive;

use chrono::{Datelike, NaiveDate};
use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use utoipa::openapi::schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, SchemaType, Type};

/// The database holds the same (`shipments_days_are_bounded`). Outside of them lies a slip of a key, and what neither
/// PostgreSQL nor RFC 3339 can write.
const YEARS: RangeInclusive<i32> = 2000..=2099;

/// A day between 2000-01-01 and 2099-12-31.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, sqlx::Type)]
#[sqlx(transparent)]
pub struct Day(NaiveDate);

impl Day {
    /// One that is in the database already, perhaps from before there were bounds.
    pub fn kept(day: NaiveDate) -> Self {
        Self(day)
    }

    /// The day.
    pub fn date(self) -> NaiveDate {
        self.0
    }

    /// Whether it is within the bounds.
    pub fn is_of_this_century(self) -> bool {
        YEARS.contains(&self.0.year())
    }

    /// The day that is written `YYYY-MM-DD`, and in no other way.
    pub fn parse(text: &str) -> Option<Self> {
        // chrono also takes signs, spaces, and digits left out.
        let is_written_so = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        let day: NaiveDate = text.parse().ok().filter(|_| is_written_so)?;
        Some(Self(day)).filter(|day| day.is_of_this_century())
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Day;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a day between 2000-01-01 and 2099-12-31, as YYYY-MM-DD")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Day, E> {
                Day::parse(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A day, for the API's document.
pub fn schema() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::new(Type::String))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
        .pattern(Some("^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"))
        .build()
}

/// A day, or none, for the API's document.
pub fn optional() -> Object {
    ObjectBuilder::new()
        .schema_type(SchemaType::Array(vec![Type::String, Type::Null]))
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
        .pattern(Some("^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_of_this_century_and_written_in_one_way() {
        for day in ["2000-01-01", "2024-02-29", "2099-12-31"] {
            assert!(Day::parse(day).is_some(), "{day}");
        }
        for wrong in [
            "",
            "1999-12-31",
            "2100-01-01",
            "+262142-01-01",
            "-4713-01-01",
            "0001-01-01",
            "2026-02-30",
            "2026-2-3",
            " 2026-02-03",
            "2026-02-03T00:00:00Z",
            "20260203",
            "２０２６-02-03",
        ] {
            assert!(Day::parse(wrong).is_none(), "{wrong}");
        }
    }
}
