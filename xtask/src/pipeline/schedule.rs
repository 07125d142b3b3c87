//! Which task starts next. Knows nothing of threads or clocks: it is told which tasks are over, and says which may start.

use super::graph::Graph;

/// The tasks of one run that have not started yet.
#[derive(Debug)]
pub struct Schedule {
    /// For each task the number of needs that it waits for; none when it is not part of the run, or was started.
    waits: Vec<Option<usize>>,
    dependents: Vec<Vec<usize>>,
    lanes: Vec<Vec<usize>>,
    /// How many more tasks may run in each lane.
    free: Vec<usize>,
    /// For each task the seconds of the longest chain that begins with it.
    remaining: Vec<f64>,
    /// For each task its own seconds.
    seconds: Vec<f64>,
    /// The tasks that wait for no need any more.
    ready: Vec<usize>,
}

impl Schedule {
    /// Of these tasks of the graph, which must be in its order; a need that is not among them counts as passed. `seconds`
    /// estimates how long a task takes.
    pub fn new(graph: &Graph, tasks: &[usize], seconds: impl Fn(usize) -> f64) -> Schedule {
        let count = graph.tasks().len();
        let mut names: Vec<&str> = Vec::new();
        let mut free = Vec::new();
        let mut schedule = Schedule {
            waits: vec![None; count],
            dependents: vec![Vec::new(); count],
            lanes: vec![Vec::new(); count],
            free: Vec::new(),
            remaining: vec![0.0; count],
            seconds: vec![0.0; count],
            ready: Vec::new(),
        };
        for &at in tasks {
            schedule.waits[at] = Some(0);
        }
        for &at in tasks {
            for &need in graph.needs(at).iter().filter(|need| schedule.waits[**need].is_some()) {
                schedule.dependents[need].push(at);
            }
            for lane in &graph.tasks()[at].lanes {
                let number = names.iter().position(|name| *name == lane.name).unwrap_or_else(|| {
                    names.push(lane.name);
                    free.push(lane.capacity.max(1));
                    names.len() - 1
                });
                schedule.lanes[at].push(number);
            }
        }
        for need in 0..count {
            for at in schedule.dependents[need].clone() {
                *schedule.waits[at].as_mut().expect("a task of the run") += 1;
            }
        }
        // From the end: the tasks that wait for another one come after it.
        for &at in tasks.iter().rev() {
            let after = schedule.dependents[at].iter().map(|&next| schedule.remaining[next]);
            schedule.seconds[at] = seconds(at);
            schedule.remaining[at] = schedule.seconds[at] + after.fold(0.0, f64::max);
        }
        schedule.free = free;
        schedule.ready = tasks.iter().copied().filter(|&at| schedule.waits[at] == Some(0)).collect();
        schedule
    }

    /// The next task to start, if one can: of those whose needs have passed and whose lanes are free, the one that begins the
    /// longest chain. It takes its lanes.
    pub fn start(&mut self) -> Option<usize> {
        let can = |at: &usize| self.lanes[*at].iter().all(|&lane| self.free[lane] > 0);
        let candidates = self.ready.iter().copied().filter(can);
        // Of two with equal chains, the first of the table.
        let next =
            candidates.min_by(|&a, &b| self.remaining[b].total_cmp(&self.remaining[a]).then(a.cmp(&b)))?;
        self.take(next);
        self.lanes[next].iter().for_each(|&lane| self.free[lane] -= 1);
        Some(next)
    }

    /// A task is over without having been started: no other waits for it any more.
    pub fn complete(&mut self, at: usize) {
        self.take(at);
        self.release(at);
    }

    /// A started task is over: its lanes are free, and no other waits for it any more.
    pub fn finish(&mut self, at: usize) {
        self.lanes[at].iter().for_each(|&lane| self.free[lane] += 1);
        self.release(at);
    }

    /// The tasks that have not started, in order.
    pub fn pending(&self) -> Vec<usize> {
        (0..self.waits.len()).filter(|&at| self.waits[at].is_some()).collect()
    }

    /// How many seconds the run still takes at least, when each of `running` has run for so many seconds: the longest chain, the
    /// busiest lane, or all tasks shared among the jobs, whichever is most.
    pub fn seconds_left(&self, running: &[(usize, f64)], jobs: usize) -> f64 {
        let runs = running.iter().map(|&(at, since)| (at, since.min(self.seconds[at])));
        let to_come: Vec<(usize, f64)> = self.pending().into_iter().map(|at| (at, 0.0)).chain(runs).collect();
        let longest = to_come.iter().map(|&(at, since)| self.remaining[at] - since).fold(0.0, f64::max);
        let own = |&(at, since): &(usize, f64)| self.seconds[at] - since;
        let in_lane = |lane: usize| -> f64 {
            to_come.iter().filter(|(at, _)| self.lanes[*at].contains(&lane)).map(own).sum()
        };
        let busiest = (0..self.free.len()).map(in_lane).fold(0.0, f64::max);
        let shared = to_come.iter().map(own).sum::<f64>() / jobs.max(1) as f64;
        longest.max(busiest).max(shared)
    }

    fn take(&mut self, at: usize) {
        self.waits[at] = None;
        self.ready.retain(|&other| other != at);
    }

    fn release(&mut self, at: usize) {
        for next in self.dependents[at].clone() {
            let Some(waits) = &mut self.waits[next] else { continue };
            *waits -= 1;
            if *waits == 0 {
                self.ready.push(next);
            }
        }
    }
}
