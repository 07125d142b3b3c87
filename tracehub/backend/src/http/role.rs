//! What people may do in their organisation: each role may do what the ones before it may, and more.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// In rising order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, sqlx::Type, ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Role {
    /// Looks at everything.
    Viewer,
    /// Enters and changes shipments.
    Member,
    /// Invites and suspends members and viewers.
    Manager,
    /// Everything, with everybody.
    Owner,
}

impl Role {
    /// As the history names it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Member => "member",
            Self::Manager => "manager",
            Self::Owner => "owner",
        }
    }

    /// Whether it decides about somebody of the other role: a manager about those below, an owner about everybody.
    pub fn is_above(self, other: Role) -> bool {
        self == Role::Owner || (self == Role::Manager && other < Role::Manager)
    }
}
