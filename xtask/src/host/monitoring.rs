//! The user that smoke tests log in as.

use serde::{Deserialize, Serialize};

/// How to log in as it. Its password was made for it and is known to nobody else; it is never printed.
#[derive(Serialize, Deserialize)]
pub struct Credentials {
    email: String,
    password: String,
}
