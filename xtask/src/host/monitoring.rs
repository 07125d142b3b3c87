//! The user that smoke tests log in as.

use serde::{Deserialize, Serialize};

/// How to log in as it. Its password was made for it and is known to nobody else; it is never printed.
#[derive(Serialize, Deserialize)]
pub struct Credentials {
    email: String,
    password: String,
    /// What makes it somebody who has logged in before, whom other people's failures do not keep out.
    #[serde(default, skip_serializing)]
    pub cookie: Option<String>,
}
