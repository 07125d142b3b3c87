//! Where a shipment stands, and where it may go from there.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Status;

/// The life of a shipment, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Stage {
    Draft,
    /// Agreed on, and its papers are being gathered.
    DocsPending,
    /// All papers are there.
    DocsComplete,
    InTransit,
    Arrived,
    /// With the customs of where it has arrived.
    Customs,
    Delivered,
    /// Nobody works on it any more.
    Archived,
}

use Stage::*;

impl Stage {
    /// Where it may go: first what usually comes next, then shortcuts, then ways back for who has been too quick.
    pub fn next(self) -> &'static [Stage] {
        match self {
            Draft => &[DocsPending, DocsComplete, Archived],
            // Ships sail before the last paper has come.
            DocsPending => &[DocsComplete, InTransit, Draft, Archived],
            DocsComplete => &[InTransit, DocsPending, Archived],
            InTransit => &[Arrived, DocsComplete, DocsPending],
            Arrived => &[Customs, Delivered, InTransit],
            Customs => &[Delivered, Arrived],
            Delivered => &[Archived, Customs, Arrived],
            Archived => &[Delivered, Draft],
        }
    }

    /// As a release reads it that knows no stages.
    pub fn status(self) -> Status {
        match self {
            Draft => Status::Draft,
            DocsPending | DocsComplete => Status::Booked,
            InTransit => Status::InTransit,
            Arrived | Customs => Status::Arrived,
            // Nobody is reminded of its days any more.
            Delivered | Archived => Status::Delivered,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Stage; 8] =
        [Draft, DocsPending, DocsComplete, InTransit, Arrived, Customs, Delivered, Archived];

    #[test]
    fn every_stage_is_reached_from_the_first_one_and_leads_back_to_it() {
        for start in ALL {
            let mut reached = vec![start];
            let mut looked_at = 0;
            while let Some(stage) = reached.get(looked_at) {
                looked_at += 1;
                let more: Vec<_> =
                    stage.next().iter().filter(|next| !reached.contains(next)).copied().collect();
                reached.extend(more);
            }
            assert_eq!(reached.len(), ALL.len(), "from {start:?}");
        }
    }

    #[test]
    fn what_usually_comes_next_comes_first_and_nothing_leads_to_itself() {
        for pair in ALL.windows(2) {
            assert_eq!(pair[0].next()[0], pair[1]);
        }
        for stage in ALL {
            assert!(!stage.next().contains(&stage), "{stage:?}");
        }
    }

    #[test]
    fn goods_do_not_arrive_before_they_depart() {
        for before in [Draft, DocsPending, DocsComplete] {
            for after in [Arrived, Customs, Delivered] {
                assert!(!before.next().contains(&after), "{before:?} to {after:?}");
            }
        }
    }
}
