//! Servers behind one line, first come first served: the textbook's G/G/c, with room for all or for some.
//!
//! Whoever comes is told at once when a server will be free: the line is never reordered, so that moment
//! is known. Without room for all, a call that finds every place of the line taken is rejected.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use crate::distribution::{Coming, Taking};
use crate::estimate::BATCHES;
use crate::figures::{Figures, Kind};
use crate::window::{Counts, Sums, Waits, Window, mean, share};
use crate::{Draws, Service};

/// Services of microseconds are not rounded away.
const TICKS_PER_S: u64 = 1_000_000_000;

/// Work that comes over work that the servers can do.
#[must_use]
pub fn load(service: &Service) -> f64 {
    service.arrivals.rate_per_s() * service.service.mean_s() / f64::from(service.servers)
}

pub(crate) fn run(service: &Service, draws: &Draws<'_>) -> Option<Figures> {
    let load = load(service);
    if service.places.is_none() && load >= 1.0 {
        return Some(Figures::unstable(Kind::Service, load));
    }
    let window = Window::new(service.span, TICKS_PER_S);
    let mut line = Line::new(service, draws, window);
    for step in window.warm_up_steps() {
        draws.go_on()?;
        line.run_until(step);
    }
    for batch in 0..BATCHES {
        line.batch = batch;
        for step in window.steps(batch) {
            draws.go_on()?;
            line.run_until(step);
        }
        line.waits.end_batch();
    }
    line.finish();
    Some(figures(&line, &window, service))
}

fn figures(line: &Line<'_>, window: &Window, service: &Service) -> Figures {
    let all = u128::from(window.batch_ticks()) * u128::from(service.servers);
    let idle = line.busy.map(|busy| all - busy);
    Figures {
        arrivals: window.total(&line.arrivals),
        rejected_probability: match service.places {
            Some(_) => share(&line.rejected, &line.arrivals),
            // Room for all: nobody ever is, and there is no doubt about it.
            None => mean(&line.rejected.map(u128::from), &line.arrivals),
        },
        wait_probability: line.waits.probability(),
        wait_s: line.waits.figures(),
        instances_mean: window.over_time(&[all; BATCHES]),
        busy_mean: window.over_time(&line.busy),
        idle_mean: window.over_time(&idle),
        ..Figures::none(Kind::Service)
    }
}

struct Line<'a> {
    coming: Coming<'a>,
    next_call: u64,
    taking: Taking<'a>,
    /// When each server is free.
    free_at: BinaryHeap<Reverse<u64>>,
    places: usize,
    /// When those in the line will be served.
    starts: VecDeque<u64>,
    window: Window,
    batch: usize,
    arrivals: Counts,
    rejected: Counts,
    waits: Waits,
    busy: Sums,
    /// Those in the line at a moment, summed over time, and until when; and the times that they wait.
    waiting_over_time: u128,
    waiting_until: u64,
    waited: u128,
}

impl<'a> Line<'a> {
    fn new(service: &'a Service, draws: &Draws<'_>, window: Window) -> Self {
        let ticks_per_s = TICKS_PER_S as f64;
        let mut coming = Coming::new(&service.arrivals, draws.stream("arrivals"), ticks_per_s);
        Self {
            next_call: coming.next(),
            coming,
            taking: Taking::new(&service.service, draws.stream("service"), ticks_per_s),
            free_at: (0..service.servers).map(|_| Reverse(0)).collect(),
            places: service.places.map_or(usize::MAX, |places| {
                usize::try_from(places).unwrap_or(usize::MAX)
            }),
            starts: VecDeque::new(),
            window,
            batch: 0,
            arrivals: [0; BATCHES],
            rejected: [0; BATCHES],
            waits: Waits::new(TICKS_PER_S),
            busy: [0; BATCHES],
            waiting_over_time: 0,
            waiting_until: 0,
            waited: 0,
        }
    }

    fn run_until(&mut self, end: u64) {
        while self.next_call < end {
            let now = self.next_call;
            self.serve_until(now);
            self.call(now);
            self.next_call = self.coming.next();
        }
    }

    fn call(&mut self, now: u64) {
        let counts = now >= self.window.from();
        self.arrivals[self.batch] += u64::from(counts);
        let mut free_at = self.free_at.peek_mut().expect("there is a server");
        let start = free_at.0.max(now);
        if start > now && self.starts.len() >= self.places {
            self.rejected[self.batch] += u64::from(counts);
            return;
        }
        let end = start.saturating_add(self.taking.next());
        *free_at = Reverse(end);
        drop(free_at);
        if start > now {
            self.starts.push_back(start);
        }
        self.waited += u128::from(self.window.overlap(now, start));
        self.window.spread(start, end, &mut self.busy);
        if counts {
            self.waits.record(start - now);
        }
    }

    /// Those whose turn has come leave the line.
    fn serve_until(&mut self, now: u64) {
        while let Some(start) = self.starts.front().copied().filter(|start| *start <= now) {
            self.wait_until(start);
            self.starts.pop_front();
        }
        self.wait_until(now);
    }

    fn wait_until(&mut self, now: u64) {
        let span = self.window.overlap(self.waiting_until, now);
        self.waiting_over_time += u128::from(span) * self.starts.len() as u128;
        self.waiting_until = now;
    }

    fn finish(&mut self) {
        self.serve_until(self.window.until());
        assert_eq!(
            self.waiting_over_time, self.waited,
            "those in the line over time are the times that they wait (Little's law)"
        );
    }
}
