//! What a release's answers do not say, in the course of its watch: answers that take longer, memory that grows, errors in its
//! log.

use std::collections::BTreeMap;
use std::time::Duration;

use super::load::Load;
use crate::rollout::edge_counts::EdgeCounts;
use crate::rollout::host::{Memory, Vitals};

/// How often they are asked for, the first time after half of that: they cost the host a little.
const INTERVAL: Duration = Duration::from_secs(5);
/// So many answers of each release say how long they take.
const LEAST_SAMPLES: usize = 20;
/// So many times the release before, and so much longer: less nobody notices. Of half of all answers, or of 19 of 20.
const SLOWER: u32 = 2;
const LONGER_BY: Duration = Duration::from_millis(100);
/// So often in a row they must say it.
const SLOW_IN_A_ROW: u32 = 2;
/// In each interval memory grows by so much, in bytes, and in all by so much: what a release keeps at hand grows less, or once.
const GROWTH: u64 = 16 << 20;
const GROWTH_IN_ALL: u64 = 64 << 20;
/// And at that rate there is none left so soon.
const FULL_WITHIN: Duration = Duration::from_secs(15 * 60);
/// So many logged errors are too many, if the release before logged less than a third of them.
const LOGGED_ERRORS: u64 = 10;

/// What was seen until now.
#[derive(Default)]
pub struct Course {
    /// What users asked before the switch, where that is known.
    before: Option<Load>,
    /// What the edge had counted when it was looked at last, our own requests not among it.
    counts: EdgeCounts,
    /// When more was asked: how much, the last time, and how often.
    crowded: Option<(Load, u32)>,
    /// How long answers took, of the release and of the one before it, while no more was asked than before.
    latency: Vec<(Duration, Duration)>,
    slow: u32,
    /// What each service used, and when.
    memory: BTreeMap<String, Vec<(Duration, u64)>>,
    asked: Option<Duration>,
}

impl Course {
    /// Of a release to which users came with this load, at this moment of the edge's counting.
    pub fn of(before: Option<Load>, counts: EdgeCounts) -> Course {
        Course { before, counts, ..Course::default() }
    }

    /// Whether it is time to ask, `at` being the time since the switch.
    pub fn is_due(&self, at: Duration) -> bool {
        self.asked.map_or(at >= INTERVAL / 2, |asked| at >= asked + INTERVAL)
    }

    /// Why the release will not do, in words, when it won't. None is what could not be had.
    pub fn worse(&mut self, vitals: Option<Vitals>, counts: EdgeCounts, at: Duration) -> Option<String> {
        let load = Load { counts: counts.since(self.counts), span: at - self.asked.unwrap_or_default() };
        (self.asked, self.counts) = (Some(at), counts);
        let mut vitals = vitals?;
        if self.before.is_none_or(|before| load.is_no_more_than(&before)) {
            self.latency.append(&mut vitals.latency);
        } else {
            // It answers a crowd, and the one before it nobody.
            self.crowded = Some((load, self.crowded.map_or(1, |(_, often)| often + 1)));
        }
        let slower = self.slower();
        self.slow = if slower.is_some() { self.slow + 1 } else { 0 };
        let slower = slower.filter(|_| self.slow >= SLOW_IN_A_ROW);
        let grows = vitals.memory.into_iter().find_map(|(service, memory)| self.grows(service, memory, at));
        slower.or(grows).or_else(|| logs_errors(vitals.logged_errors, at))
    }

    /// What was not judged, and why, in words.
    pub fn left_out(&self) -> Option<String> {
        let ((crowd, often), before) = (self.crowded?, self.before?);
        Some(format!(
            "How long its answers take was left out of account {often} times, while far more was asked than before the \
             switch: {}, and {} before",
            crowd.in_words(),
            before.in_words()
        ))
    }

    /// The release before has no users any more, and so answers sooner than when it had: as slow as it was then is not slower.
    fn slower(&self) -> Option<String> {
        let (mut of_release, mut of_before): (Vec<_>, Vec<_>) = self.latency.iter().copied().unzip();
        let samples = of_release.len();
        let with_users = self.before.and_then(|before| before.wait()).unwrap_or_default();
        // On a busy machine a few answers of either take long, whatever the release does.
        [(95, "19 of 20"), (50, "half")].into_iter().find_map(|(percent, share)| {
            let (now, idle) = (percentile(&mut of_release, percent)?, percentile(&mut of_before, percent)?);
            let is_slower = now >= idle * SLOWER && now >= idle + LONGER_BY && now >= with_users;
            (samples >= LEAST_SAMPLES && is_slower).then(|| {
                format!(
                    "{share} of its answers take up to {} ms, and {} ms those of the release before, asked in turns \
                     ({samples} each)",
                    now.as_millis(),
                    idle.as_millis()
                )
            })
        })
    }

    fn grows(&mut self, service: String, memory: Memory, at: Duration) -> Option<String> {
        let course = self.memory.entry(service.clone()).or_default();
        course.push((at, memory.used));
        let [(began, first), .., _, (_, used)] = course.as_slice() else { return None };
        let grows_on = course.windows(2).all(|two| two[1].1 >= two[0].1 + GROWTH);
        let (grown, took) = (used.saturating_sub(*first), at - *began);
        let left = memory.limit.saturating_sub(*used) as f64 / grown as f64 * took.as_secs_f64();
        let is_leak = grows_on && grown >= GROWTH_IN_ALL && left <= FULL_WITHIN.as_secs_f64();
        is_leak.then(|| {
            format!(
                "the memory of {service} grew from {} to {} MiB in {:.0} s, and would be at its limit of {} MiB in {left:.0} s",
                first >> 20,
                used >> 20,
                took.as_secs_f64(),
                memory.limit >> 20
            )
        })
    }
}

fn logs_errors((of_release, of_before): (u64, u64), at: Duration) -> Option<String> {
    let are_many = of_release >= LOGGED_ERRORS && of_release > of_before * 3;
    are_many.then(|| {
        format!(
            "it has logged {of_release} errors in {:.0} s, and the release before {of_before} in as long a time",
            at.as_secs_f64()
        )
    })
}

/// By the nearest rank.
fn percentile(durations: &mut [Duration], percent: usize) -> Option<Duration> {
    durations.sort_unstable();
    durations.get((durations.len() * percent).div_ceil(100).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What is said at the last of these, that come every five seconds.
    fn course(vitals: impl IntoIterator<Item = Vitals>) -> Option<String> {
        let mut course = Course::default();
        let mut ask =
            |(vitals, at): (Vitals, u64)| course.worse(Some(vitals), EdgeCounts::default(), after(at * 5));
        vitals.into_iter().zip(1..).map(&mut ask).last()?
    }

    fn answers(release: u64, before: u64) -> Vitals {
        let latency = vec![(Duration::from_millis(release), Duration::from_millis(before)); 10];
        Vitals { latency, ..Vitals::default() }
    }

    fn using(mib: u64) -> Vitals {
        let memory = Memory { used: mib << 20, limit: 512 << 20 };
        Vitals { memory: BTreeMap::from([("api".to_owned(), memory)]), ..Vitals::default() }
    }

    #[test]
    fn answers_that_take_twice_as_long_are_too_slow_when_people_notice() {
        let said = course([answers(250, 120), answers(250, 120), answers(250, 120)]).expect("it is slower");
        assert!(said.contains("up to 250 ms, and 120 ms"), "{said}");
        assert_eq!(course([answers(250, 120), answers(250, 120)]), None, "it may be chance");
        assert_eq!(course(vec![answers(50, 5); 5]), None, "nobody notices");
        assert_eq!(course(vec![answers(900, 600); 5]), None, "not twice");
    }

    /// What is said of answers that take longer, with so many requests in five seconds, where there were a hundred before that
    /// took so many milliseconds.
    fn with_users(requests: u64, millis: u64) -> (Option<String>, Option<String>) {
        let users = |all| EdgeCounts { all, ..EdgeCounts::default() };
        let took = EdgeCounts { served: 100, took: Duration::from_millis(100 * millis), ..users(100) };
        let mut course = Course::of(Some(Load { counts: took, span: after(5) }), EdgeCounts::default());
        let said = (1..=4)
            .map(|times| course.worse(Some(answers(250, 5)), users(requests * times), after(times * 5)));
        (said.last().flatten(), course.left_out())
    }

    #[test]
    fn what_only_a_crowd_makes_slow_is_not_too_slow() {
        assert!(with_users(100, 20).0.is_some(), "as many users, whom the one before served sooner");
        assert_eq!(with_users(100, 130).0, None, "as many, whom it kept waiting, too");
        let (said, left_out) = with_users(1000, 20);
        assert_eq!(said, None, "a crowd");
        let left_out = left_out.expect("it is said");
        assert!(
            left_out.contains("4 times") && left_out.contains("200 in a second, and 20 in a second"),
            "{left_out}"
        );
    }

    #[test]
    fn memory_that_grows_and_grows_is_a_leak_before_it_is_used_up() {
        let said = course([using(20), using(120), using(220)]).expect("it leaks");
        assert!(said.contains("from 20 to 220 MiB in 10 s") && said.contains("512 MiB in 15 s"), "{said}");
        assert_eq!(course([using(20), using(220), using(225)]), None, "it grew once");
        assert_eq!(course([using(20), using(37), using(54)]), None, "too little");
        assert_eq!(course([using(20), using(220)]), None, "too soon to say");
    }

    #[test]
    fn errors_in_the_log_count_against_those_of_the_release_before() {
        let logged =
            |release, before| course([Vitals { logged_errors: (release, before), ..Vitals::default() }]);
        assert_eq!(
            logged(14, 4).as_deref(),
            Some("it has logged 14 errors in 5 s, and the release before 4 in as long a time")
        );
        assert_eq!(logged(9, 0), None, "a few come by the way");
        assert_eq!(logged(30, 10), None, "as before");
    }

    #[test]
    fn a_percentile_is_of_the_nearest_rank() {
        let mut millis: Vec<Duration> = (1..=40).rev().map(Duration::from_millis).collect();
        assert_eq!(percentile(&mut millis, 95), Some(Duration::from_millis(38)));
        assert_eq!(percentile(&mut millis, 50), Some(Duration::from_millis(20)));
        assert_eq!(percentile(&mut [], 95), None);
    }

    #[test]
    fn answers_are_too_slow_though_a_busy_machine_makes_a_few_of_either_slow() {
        let mut vitals = answers(205, 5);
        vitals.latency[0] = (Duration::from_millis(450), Duration::from_millis(300));
        let said = course(vec![vitals; 4]).expect("it is slower");
        assert!(said.starts_with("half of its answers take up to 205 ms, and 5 ms"), "{said}");
    }
}
