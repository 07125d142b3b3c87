//! Words in the database of which a later release may know more than this one.

use serde::de::IntoDeserializer;
use serde::de::value::Error;
use serde::{Deserialize, Serialize};

/// One of the words that this release knows, or another: after a rollback, what a later release has written is passed on as
/// it is, and no reason to show nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Word<T> {
    Known(T),
    Other(String),
}

impl<T> Word<T> {
    pub fn known(self) -> Option<T> {
        match self {
            Self::Known(word) => Some(word),
            Self::Other(_) => None,
        }
    }
}

impl<'de, T: Deserialize<'de>> From<String> for Word<T> {
    fn from(text: String) -> Self {
        let word: Result<T, Error> = T::deserialize(text.clone().into_deserializer());
        word.map_or(Self::Other(text), Self::Known)
    }
}
