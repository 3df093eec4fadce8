//! Following connections in several threads.
//!
//! The work is cut into jobs, and whoever is free takes one that can be done now:
//!
//! - read some octets of a capture,
//! - walk from record to record through what was read, and put the packets into a batch,
//! - observe the packets of a batch: a job for each shard of the table,
//! - number the connections that it has opened, when all shards are through with it,
//! - tell the connections that have left the table, some at a time,
//! - put what was made of them where it belongs, in order.
//!
//! Each kind of job goes through the captures in order, but none waits until another is through with a
//! round of its own: so there nearly always is something to do, whatever takes longest with a
//! capture. Of packets with much data, that is the kernel's copy of the file, which is why it is a job
//! of its own; of many short connections, it is to observe and to tell them.

use std::hint;
use std::num::NonZero;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;

use crate::Failure;
use crate::follow::{Ended, Origins, never_freed, tell_of_those_let_go};
use crate::input::{Ending, Input};
use crate::plan::{Gone, Job, Plan};

/// How many threads are of use unless told otherwise: more has not been measured.
const USUAL: usize = 2;

/// How many times a thread that has nothing to do looks again before it goes to sleep: two tenths of a
/// millisecond or less, as long as most jobs take.
const LINGER: u32 = 1 << 12;

/// As many as are asked for, or as are of use where there are so many cores.
pub fn number(asked: Option<NonZero<usize>>) -> usize {
    let cores = || thread::available_parallelism().map_or(1, NonZero::get);
    asked.map_or_else(|| cores().min(USUAL), NonZero::get)
}

/// Does what [`follow::connections`](crate::follow::connections) does in so many threads, this one
/// included.
pub fn follow<'n, M: Default + Send>(
    threads: usize,
    input: Input,
    names: &'n [String],
    make: impl Fn(Ended<'n, '_>, &mut M) + Sync,
    put: impl FnMut(&mut M) -> Result<(), Failure> + Send,
) -> Result<Ending, Failure> {
    let work = Work {
        state: Mutex::new(State { plan: Plan::new(input, put), let_go: 0, idle: 0, lost: false }),
        changed: Condvar::new(),
        changes: AtomicU64::new(0),
        origins: RwLock::new(Origins::new()),
        names,
        make,
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| work.on(false));
        }
        work.on(true);
    });
    let State { plan, let_go, .. } =
        work.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let input = plan.end()?;
    tell_of_those_let_go(let_go);
    Ok(input.end())
}

/// What the threads share.
struct Work<'n, F, M, P> {
    state: Mutex<State<M, P>>,
    changed: Condvar,
    /// How often the state has changed; it only does while it is locked.
    changes: AtomicU64,
    origins: RwLock<Origins>,
    names: &'n [String],
    make: F,
}

struct State<M, P> {
    plan: Plan<M, P>,
    let_go: u64,
    /// Threads that have found nothing to do.
    idle: usize,
    /// Whether a thread has panicked: what it was at does not come back.
    lost: bool,
}

impl<'n, F, M, P> Work<'n, F, M, P>
where
    F: Fn(Ended<'n, '_>, &mut M),
    M: Default,
    P: FnMut(&mut M) -> Result<(), Failure>,
{
    /// Does one job after the other until all is done.
    fn on(&self, from_first: bool) {
        let _alarm = Alarm(self);
        while let Some(job) = self.job(from_first) {
            self.carry_out(job);
        }
    }

    /// The next job, as soon as there is one; `None` when all is done.
    fn job(&self, from_first: bool) -> Option<Job<M, P>> {
        let mut state = self.state();
        while !state.lost && !state.plan.is_done() {
            if let Some(job) = state.plan.job(from_first) {
                return Some(job);
            }
            let changes = self.changes.load(Ordering::Relaxed);
            drop(state);
            self.linger(changes);
            state = self.state();
            if self.changes.load(Ordering::Relaxed) == changes {
                state.idle += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
        None
    }

    /// Waits a little for something to change, awake: to fall asleep and be woken takes longer than
    /// most jobs do.
    fn linger(&self, changes: u64) {
        for _ in 0..LINGER {
            if self.changes.load(Ordering::Relaxed) != changes {
                return;
            }
            hint::spin_loop();
        }
    }

    fn carry_out(&self, job: Job<M, P>) {
        match job {
            Job::Read(ahead) => {
                ahead.read();
                self.change(|state| state.plan.has_read());
            }
            Job::Walk(mut walk, packets) => {
                walk.more = walk.input.fill(&mut walk.batch, packets);
                self.change(|state| state.plan.has_walked(walk));
            }
            Job::Observe(mut shard, batch) => {
                shard.observe_batch(&batch);
                drop(batch);
                self.change(|state| state.plan.has_observed(shard));
            }
            Job::Number(mut table, shards, batch) => {
                table.give_back(shards);
                let mut origins = self.origins.write().unwrap_or_else(PoisonError::into_inner);
                let left =
                    table.end_batch(&batch, |connection, file| origins.saw(connection, file));
                drop(origins);
                // Nobody else has it any more.
                let mut batch = Arc::into_inner(batch);
                batch.iter_mut().for_each(|batch| batch.clear());
                self.change(|state| state.plan.has_numbered(table, left, batch));
            }
            Job::Close(table) => {
                let (now_ns, let_go) = (table.now_ns(), table.let_go());
                let remaining = never_freed(table.into_remaining());
                self.change(|state| {
                    state.let_go = let_go;
                    state.plan.has_closed(remaining, now_ns);
                });
            }
            Job::Tell { gone, chunk, place, mut made } => {
                self.tell(&gone, chunk, &mut made);
                drop(gone);
                self.change(|state| state.plan.has_told(place, made));
            }
            Job::Put(mut put, mut made) => {
                let result = put(&mut made);
                self.change(|state| state.plan.has_put(put, made, result));
            }
        }
    }

    fn tell(&self, gone: &Gone, chunk: Range<usize>, made: &mut M) {
        let origins = self.origins.read().unwrap_or_else(PoisonError::into_inner);
        let connections = chunk.filter_map(|place| gone.connections.get(place));
        let connections: Vec<_> =
            connections.map(|connection| (connection, origins.of(connection.id()))).collect();
        drop(origins);
        for (connection, file) in connections {
            let file = &self.names[file];
            (self.make)(Ended { connection, file, now_ns: gone.now_ns }, made);
        }
    }
}

impl<F, M, P> Work<'_, F, M, P> {
    fn state(&self) -> MutexGuard<'_, State<M, P>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State<M, P>)) {
        let mut state = self.state();
        change(&mut state);
        self.changes.fetch_add(1, Ordering::Relaxed);
        if state.idle > 0 {
            self.changed.notify_all();
        }
    }
}

/// Lets nobody wait for a thread that has panicked.
struct Alarm<'a, 'n, F, M, P>(&'a Work<'n, F, M, P>);

impl<F, M, P> Drop for Alarm<'_, '_, F, M, P> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.change(|state| state.lost = true);
        }
    }
}
