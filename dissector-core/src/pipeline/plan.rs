//! The jobs of [several threads](crate::pipeline::workers) that follow connections: the progress of
//! all captures, and the choice of the next job.
//!
//! A job takes its data out of the plan; its results bring them back.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use crate::capture::ReadAhead;
use crate::pipeline::batch::Batch;
use crate::pipeline::follow::{Connections, Exceptions, FollowSummary};
use crate::pipeline::reader::Reader;
use crate::table::batches::BatchClosed;
use crate::table::{ConnectionTable, Shard};

/// The most packets of a batch: few enough for the caches, enough to make the costs of each batch
/// small.
const BATCH: usize = 1 << 13;

/// Batches that wait to be observed.
const WAITING: usize = 2;

/// Batches whose closed connections wait to be reported. At this number no more packets are read:
/// if reporting is slower than reading, memory does not grow with the capture.
const CLOSED: usize = 4;

/// The closed connections that one job formats.
pub(super) const CHUNK: usize = 1 << 8;
/// The most chunks that are formatted or being formatted and not written yet.
const CHUNKS: usize = 1 << 3;

/// A piece of work for one thread.
#[expect(clippy::large_enum_variant, reason = "a job is moved a few times, on the stack")]
pub(super) enum Job<'c, 'o, M, P> {
    /// Read a block of octets.
    Read(ReadAhead),
    /// Walk from record to record through the octets, up to so many packets.
    Walk(Walk<'c, 'o>, usize),
    /// Observe the shard's packets of a batch.
    Observe(Shard, Arc<Batch>),
    /// Number the connections that a batch has opened.
    Number(ConnectionTable, Vec<Shard>, Arc<Batch>),
    /// Take the remaining connections out of the table.
    Close(ConnectionTable),
    /// Call `make` for a chunk of closed connections.
    Make { closed: Closed, chunk: Range<usize>, place: usize, made: M },
    /// Call `put` for the result of a chunk.
    Put(P, M),
}

/// The captures, and the batch that is being filled from them.
pub(super) struct Walk<'c, 'o> {
    pub reader: Reader<'c, 'o>,
    pub batch: Batch,
    pub more: bool,
}

/// Closed connections, and the time at which their verdicts are given.
#[derive(Clone)]
pub(super) struct Closed {
    pub connections: Arc<Connections>,
    pub now_ns: i64,
}

pub(super) struct Plan<'c, 'o, M, P, E> {
    /// The read-ahead, if there is one, and the number of threads that are reading.
    ahead: Option<ReadAhead>,
    reading: usize,
    walk: Option<Walk<'c, 'o>>,
    /// Batches to be observed, and empty ones.
    waiting: VecDeque<Batch>,
    spare: Vec<Batch>,
    /// The batch that is being observed.
    batch: Option<Arc<Batch>>,
    /// How many shards have not finished the batch: those that wait for a thread, and those that a
    /// thread is observing.
    shards_at_work: usize,
    shards: VecDeque<Shard>,
    /// The shards that have observed the batch.
    finished_shards: Vec<Shard>,
    table: Option<ConnectionTable>,
    handing_out: HandingOut<M, P>,
    /// The connections at the end of the captures, and how often limits were reached before.
    remaining: Option<(Arc<Connections>, Exceptions)>,
    failure: Option<E>,
}

/// Closed connections that are not reported yet.
struct HandingOut<M, P> {
    closed: VecDeque<Closed>,
    /// The number of connections of the first batch that are in jobs.
    begun: usize,
    /// The values made of the chunks from number `place` on, as far as they are ready.
    made: VecDeque<Option<M>>,
    place: usize,
    /// Values to be used again, with the memory that they have.
    spare: Vec<M>,
    put: Option<P>,
}

impl<'c, 'o, M: Default, P, E> Plan<'c, 'o, M, P, E> {
    pub fn new(reader: Reader<'c, 'o>, table: ConnectionTable, put: P) -> Self {
        Self {
            ahead: reader.captures.read_ahead(),
            reading: 0,
            walk: Some(Walk { reader, batch: table.new_batch(), more: true }),
            waiting: VecDeque::new(),
            // Besides the waiting batches, one is being observed and one filled.
            spare: (0..WAITING + 1).map(|_| table.new_batch()).collect(),
            batch: None,
            shards_at_work: 0,
            shards: VecDeque::new(),
            finished_shards: Vec::new(),
            table: Some(table),
            handing_out: HandingOut {
                closed: VecDeque::new(),
                begun: 0,
                made: VecDeque::new(),
                place: 0,
                spare: Vec::new(),
                put: Some(put),
            },
            remaining: None,
            failure: None,
        }
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.failure.is_some() || self.remaining.is_some() && self.handing_out.is_done()
    }

    /// The summary, when nothing is left to do.
    ///
    /// # Errors
    /// The error that `put` returned.
    pub fn end(self) -> Result<FollowSummary, E> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        let walk = self.walk.expect("no job walks when all is done");
        let (remaining, exceptions) = self.remaining.expect("the table is closed when all is done");
        Ok(FollowSummary::new(walk.reader, exceptions, remaining))
    }

    /// The next job for a thread, if there is one.
    ///
    /// There should always be packets to be observed. Beyond that, a thread reads only if there is no
    /// other job, for instance while the last shard is at work. A thread that has read walks next:
    /// the octets are still in the cache of its core. So are the connections of the shards, if some
    /// threads begin with the first shard and others with the last.
    pub fn job(&mut self, from_first: bool) -> Option<Job<'c, 'o, M, P>> {
        self.number()
            .or_else(|| self.close())
            .or_else(|| if self.waiting.is_empty() { self.input() } else { None })
            .or_else(|| self.handing_out.put())
            .or_else(|| self.handing_out.make())
            .or_else(|| self.observe(from_first))
            .or_else(|| self.input())
    }

    fn input(&mut self) -> Option<Job<'c, 'o, M, P>> {
        self.walk().or_else(|| self.read())
    }

    fn read(&mut self) -> Option<Job<'c, 'o, M, P>> {
        let may = |ahead: &&ReadAhead| self.reading < ahead.readers() && ahead.has_room();
        let ahead = self.ahead.as_ref().filter(may)?;
        self.reading += 1;
        Some(Job::Read(ahead.clone()))
    }

    pub fn has_read(&mut self) {
        self.reading -= 1;
    }

    fn walk(&mut self) -> Option<Job<'c, 'o, M, P>> {
        let ready = self.ahead.as_ref().is_none_or(ReadAhead::is_ready);
        let room = self.waiting.len() < WAITING && self.handing_out.closed.len() < CLOSED;
        let walk = self.walk.take_if(|walk| walk.more && ready && room)?;
        let packets = BATCH - walk.batch.len();
        Some(Job::Walk(walk, packets))
    }

    pub fn has_walked(&mut self, walk: Walk<'c, 'o>) {
        self.ahead = walk.reader.captures.read_ahead();
        self.walk = Some(walk);
        self.hand_over();
    }

    /// Begins with the next batch when the one before is observed. A batch that is not full is
    /// taken if the threads would be idle otherwise.
    fn hand_over(&mut self) {
        let idle = self.batch.is_none() && self.waiting.is_empty();
        if let Some(walk) = &mut self.walk
            && (walk.batch.len() >= BATCH || !walk.batch.is_empty() && (idle || !walk.more))
            && let Some(spare) = self.spare.pop()
        {
            self.waiting.push_back(std::mem::replace(&mut walk.batch, spare));
        }
        if self.batch.is_none()
            && let Some(table) = &mut self.table
            && let Some(batch) = self.waiting.pop_front()
        {
            self.batch = Some(Arc::new(batch));
            self.shards = table.lend_shards().into();
            self.shards_at_work = self.shards.len();
        }
    }

    fn observe(&mut self, from_first: bool) -> Option<Job<'c, 'o, M, P>> {
        let shard = if from_first { self.shards.pop_front() } else { self.shards.pop_back() };
        Some(Job::Observe(shard?, Arc::clone(self.batch.as_ref()?)))
    }

    pub fn has_observed(&mut self, shard: Shard) {
        self.shards_at_work -= 1;
        self.finished_shards.push(shard);
    }

    fn number(&mut self) -> Option<Job<'c, 'o, M, P>> {
        if self.shards_at_work > 0 {
            return None;
        }
        let batch = self.batch.take()?;
        Some(Job::Number(self.table.take()?, std::mem::take(&mut self.finished_shards), batch))
    }

    /// `batch` is empty, to be used again.
    pub fn has_numbered(
        &mut self,
        table: ConnectionTable,
        closed: BatchClosed,
        batch: Option<Batch>,
    ) {
        self.handing_out.add(&Arc::new(Connections::Batch(closed)), table.now_ns());
        self.table = Some(table);
        self.spare.extend(batch);
        self.hand_over();
    }

    fn close(&mut self) -> Option<Job<'c, 'o, M, P>> {
        let walk = self.walk.as_ref().filter(|walk| !walk.more && walk.batch.is_empty())?;
        let observed = self.waiting.is_empty() && self.batch.is_none();
        let mut table = self.table.take_if(|_| observed)?;
        table.turn_clock(walk.reader.captures.now_ns());
        Some(Job::Close(table))
    }

    pub fn has_closed(&mut self, remaining: Arc<Connections>, now_ns: i64, exceptions: Exceptions) {
        self.handing_out.add(&remaining, now_ns);
        self.remaining = Some((remaining, exceptions));
    }

    pub fn has_made(&mut self, place: usize, made: M) {
        let place = place - self.handing_out.place;
        self.handing_out.made[place] = Some(made);
    }

    pub fn has_put(&mut self, put: P, made: M, result: Result<(), E>) {
        self.handing_out.put = Some(put);
        self.handing_out.spare.push(made);
        self.failure = result.err();
    }
}

impl<M: Default, P> HandingOut<M, P> {
    fn is_done(&self) -> bool {
        self.closed.is_empty() && self.made.is_empty() && self.put.is_some()
    }

    fn add(&mut self, connections: &Arc<Connections>, now_ns: i64) {
        if connections.len() > 0 {
            self.closed.push_back(Closed { connections: Arc::clone(connections), now_ns });
        }
    }

    fn make<'c, 'o>(&mut self) -> Option<Job<'c, 'o, M, P>> {
        if self.made.len() == CHUNKS {
            return None;
        }
        let connections = self.closed.front()?.connections.len();
        let chunk = self.begun..connections.min(self.begun + CHUNK);
        // The last job frees all of them.
        let closed = if chunk.end < connections {
            self.begun = chunk.end;
            self.closed.front().cloned()
        } else {
            self.begun = 0;
            self.closed.pop_front()
        };
        let made = self.spare.pop().unwrap_or_default();
        let place = self.place + self.made.len();
        self.made.push_back(None);
        Some(Job::Make { closed: closed?, chunk, place, made })
    }

    fn put<'c, 'o>(&mut self) -> Option<Job<'c, 'o, M, P>> {
        self.made.front()?.as_ref()?;
        let put = self.put.take()?;
        self.place += 1;
        Some(Job::Put(put, self.made.pop_front()??))
    }
}
