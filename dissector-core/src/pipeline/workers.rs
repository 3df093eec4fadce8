//! Following connections in several threads.
//!
//! The work is cut into jobs, and each free thread takes one that can be done now:
//!
//! - read a block of octets of a capture,
//! - walk from record to record through the octets, and put the packets into a batch,
//! - observe the packets of a batch: one job per shard of the table,
//! - number the connections that the batch has opened, when all shards have observed it,
//! - call `make` for the connections that have left the table, a chunk at a time,
//! - call `put` for the results, in order.
//!
//! Jobs of one kind go through the captures in order, but no kind waits for another to end a round: so
//! there is nearly always something to do, whatever takes longest with a capture. With long
//! packets, that is the kernel's copy of the file, which therefore is a job of its own; with many short
//! connections, observing them and making rows of them.

use std::hint;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread;

use crate::pipeline::follow::{ClosedConnection, Connections, Exceptions, FollowSummary};
use crate::pipeline::plan::{Closed, Job, Plan};
use crate::pipeline::reader::{Origins, Reader};
use crate::table::ConnectionTable;

/// How many times an idle thread looks again for a job before it goes to sleep: for two tenths of a
/// millisecond or less, as long as most jobs take.
const SPINS: u32 = 1 << 12;

/// Does what [`follow_map`](crate::follow_map) does in `threads` threads, this one included.
pub(super) fn follow<M: Default + Send, E: Send>(
    threads: usize,
    reader: Reader<'_, '_>,
    table: ConnectionTable,
    make: impl Fn(ClosedConnection<'_>, &mut M) + Sync,
    put: impl FnMut(&mut M) -> Result<(), E> + Send,
) -> Result<FollowSummary, E> {
    let plan = Plan::new(reader, table, put);
    let work = Work {
        state: Mutex::new(State { plan, idle: 0, lost: false }),
        changed: Condvar::new(),
        changes: AtomicU64::new(0),
        origins: RwLock::new(Origins::default()),
        make,
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|| work.on(false));
        }
        work.on(true);
    });
    work.state.into_inner().unwrap_or_else(PoisonError::into_inner).plan.end()
}

/// The state that all threads share.
struct Work<'c, 'o, F, M, P, E> {
    state: Mutex<State<'c, 'o, M, P, E>>,
    changed: Condvar,
    /// How often the state has changed, which it only does while it is locked.
    changes: AtomicU64,
    origins: RwLock<Origins>,
    make: F,
}

struct State<'c, 'o, M, P, E> {
    plan: Plan<'c, 'o, M, P, E>,
    /// Threads that sleep because there is no job.
    idle: usize,
    /// Whether a thread has panicked: the data of its job do not come back.
    lost: bool,
}

impl<'c, 'o, F, M, P, E> Work<'c, 'o, F, M, P, E>
where
    F: Fn(ClosedConnection<'_>, &mut M),
    M: Default,
    P: FnMut(&mut M) -> Result<(), E>,
{
    /// Does one job after the other until all is done.
    fn on(&self, from_first: bool) {
        let _alarm = Alarm(self);
        while let Some(job) = self.job(from_first) {
            self.carry_out(job);
        }
    }

    /// The next job, as soon as there is one; `None` when all is done.
    fn job(&self, from_first: bool) -> Option<Job<'c, 'o, M, P>> {
        let mut state = self.state();
        while !state.lost && !state.plan.is_done() {
            if let Some(job) = state.plan.job(from_first) {
                return Some(job);
            }
            let changes = self.changes.load(Ordering::Relaxed);
            drop(state);
            self.spin(changes);
            state = self.state();
            if self.changes.load(Ordering::Relaxed) == changes {
                state.idle += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
        None
    }

    /// Spins for a short time until the state changes: to sleep and be woken takes longer than most
    /// jobs.
    fn spin(&self, changes: u64) {
        for _ in 0..SPINS {
            if self.changes.load(Ordering::Relaxed) != changes {
                return;
            }
            hint::spin_loop();
        }
    }

    fn carry_out(&self, job: Job<'c, 'o, M, P>) {
        match job {
            Job::Read(ahead) => {
                ahead.read();
                self.change(|state| state.plan.has_read());
            }
            Job::Walk(mut walk, packets) => {
                walk.more = walk.reader.fill(&mut walk.batch, packets);
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
                let closed = table.end_batch(&batch, |id, capture| origins.note(id, capture));
                drop(origins);
                // All shards have released the batch.
                let mut batch = Arc::into_inner(batch);
                batch.iter_mut().for_each(|batch| batch.clear());
                self.change(|state| state.plan.has_numbered(table, closed, batch));
            }
            Job::Close(table) => {
                let (now_ns, exceptions) = (table.now_ns(), Exceptions::of(&table));
                let remaining = Arc::new(Connections::Remaining(table.into_remaining()));
                self.change(|state| state.plan.has_closed(remaining, now_ns, exceptions));
            }
            Job::Make { closed, chunk, place, mut made } => {
                self.make(&closed, chunk, &mut made);
                drop(closed);
                self.change(|state| state.plan.has_made(place, made));
            }
            Job::Put(mut put, mut made) => {
                let result = put(&mut made);
                self.change(|state| state.plan.has_put(put, made, result));
            }
        }
    }

    fn make(&self, closed: &Closed, chunk: Range<usize>, made: &mut M) {
        let origins = self.origins.read().unwrap_or_else(PoisonError::into_inner);
        let connections = chunk.filter_map(|place| closed.connections.get(place));
        let connections: Vec<_> =
            connections.map(|connection| (connection, origins.of(connection.id()))).collect();
        drop(origins);
        for (connection, capture) in connections {
            (self.make)(ClosedConnection { connection, capture, now_ns: closed.now_ns }, made);
        }
    }
}

impl<'c, 'o, F, M, P, E> Work<'c, 'o, F, M, P, E> {
    fn state(&self) -> MutexGuard<'_, State<'c, 'o, M, P, E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State<'c, 'o, M, P, E>)) {
        let mut state = self.state();
        change(&mut state);
        self.changes.fetch_add(1, Ordering::Relaxed);
        if state.idle > 0 {
            self.changed.notify_all();
        }
    }
}

/// Ends the work of all threads when one of them panics.
struct Alarm<'a, 'c, 'o, F, M, P, E>(&'a Work<'c, 'o, F, M, P, E>);

impl<F, M, P, E> Drop for Alarm<'_, '_, '_, F, M, P, E> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.change(|state| state.lost = true);
        }
    }
}
