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
    /// Where it may go: first what usually comes next, then shortcuts, then ways back for who has been too quick. What is
    /// archived goes back to where it stood before, and goods do not travel on paper that way.
    pub fn next(self, before: Option<Stage>) -> Vec<Stage> {
        let next: &[Stage] = match self {
            Draft => &[DocsPending, DocsComplete, Archived],
            // Ships sail before the last paper has come.
            DocsPending => &[DocsComplete, InTransit, Draft, Archived],
            DocsComplete => &[InTransit, DocsPending, Archived],
            InTransit => &[Arrived, DocsComplete, DocsPending],
            Arrived => &[Customs, Delivered, InTransit],
            Customs => &[Delivered, Arrived],
            Delivered => &[Archived, Customs, Arrived],
            Archived => {
                return before.into_iter().filter(|before| *before != Draft).chain([Draft]).collect();
            }
        };
        next.to_vec()
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

    /// Everywhere a shipment may have got, each time with where it stood before it was archived, by ways on which it is in
    /// none of these.
    fn reached(start: Stage, without: &[Stage]) -> Vec<(Stage, Option<Stage>)> {
        let mut reached = vec![(start, None)];
        let mut looked_at = 0;
        while let Some((stage, before)) = reached.get(looked_at).copied() {
            looked_at += 1;
            for next in stage.next(before).into_iter().filter(|next| !without.contains(next)) {
                let place = (next, (next == Archived).then_some(stage));
                if !reached.contains(&place) {
                    reached.push(place);
                }
            }
        }
        reached
    }

    #[test]
    fn every_stage_is_reached_from_the_first_one_and_leads_back_to_it() {
        for start in ALL {
            let reached = reached(start, &[]);
            for stage in ALL {
                assert!(reached.iter().any(|place| place.0 == stage), "{stage:?} from {start:?}");
            }
        }
    }

    #[test]
    fn what_usually_comes_next_comes_first_and_nothing_leads_to_itself() {
        for pair in ALL.windows(2) {
            assert_eq!(pair[0].next(None)[0], pair[1]);
        }
        for stage in ALL {
            assert!(!stage.next(None).contains(&stage), "{stage:?}");
        }
    }

    #[test]
    fn goods_do_not_arrive_before_they_depart_on_whatever_way() {
        for before in [Draft, DocsPending, DocsComplete] {
            for (stage, _) in reached(before, &[InTransit]) {
                assert!(![Arrived, Customs, Delivered].contains(&stage), "{before:?} to {stage:?}");
            }
        }
    }

    #[test]
    fn what_is_archived_goes_back_to_where_it_stood_or_begins_anew() {
        assert_eq!(Archived.next(Some(Delivered)), [Delivered, Draft]);
        for unknown in [None, Some(Draft)] {
            assert_eq!(Archived.next(unknown), [Draft]);
        }
    }
}
