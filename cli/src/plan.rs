//! What there is to do when connections are followed in [several threads](crate::threads): how far
//! everything has come, and what can be done next.
//!
//! What a job works with is moved out of the plan, and comes back with what it has come to.

use std::collections::VecDeque;
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::sync::Arc;

use dissector_core::capture::Ahead;
use dissector_core::connection::Connection;
use dissector_core::{Batch, ConnectionTable, Left, Remaining, Shard};

use crate::Failure;
use crate::input::Input;

/// Packets in a batch at most: few enough for the caches, so many that what is done for each batch
/// costs little.
const BATCH: usize = 1 << 13;

/// Batches that wait to be observed.
const WAITING: usize = 2;

/// Batches whose connections that left wait to be told; more packets are not walked through before.
/// Where what is made of them is put more slowly than packets can be read, the memory for them would
/// grow with the capture.
const GONE: usize = 4;

/// Connections that are told at a time, and such chunks that are told before they are put where
/// they belong.
const CHUNK: usize = 1 << 8;
const CHUNKS: usize = 1 << 3;

/// Something that one thread can do now.
pub enum Job<M, P> {
    /// Read some octets.
    Read(Ahead),
    /// Walk through what was read, up to so many packets.
    Walk(Walk, usize),
    /// Observe the shard's packets of a batch.
    Observe(Shard, Arc<Batch>),
    /// Number what a batch has opened.
    Number(ConnectionTable, Vec<Shard>, Arc<Batch>),
    /// Take what remains from the table.
    Close(ConnectionTable),
    /// Make what is wanted of a chunk of connections.
    Tell { gone: Gone, chunk: Range<usize>, place: usize, made: M },
    /// Put what was made where it belongs.
    Put(P, M),
}

/// The captures, and the batch that is being filled from them.
pub struct Walk {
    pub input: Input,
    pub batch: Batch,
    pub more: bool,
}

/// Connections that have left the table, and the time to judge them by.
#[derive(Clone)]
pub struct Gone {
    pub connections: Arc<Connections>,
    pub now_ns: i64,
}

/// While the captures are read, or at their end.
pub enum Connections {
    Left(Left),
    Remaining(ManuallyDrop<Remaining>),
}

impl Connections {
    pub fn get(&self, place: usize) -> Option<&Connection> {
        match self {
            Self::Left(left) => left.get(place),
            Self::Remaining(remaining) => remaining.get(place),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Left(left) => left.len(),
            Self::Remaining(remaining) => remaining.len(),
        }
    }
}

pub struct Plan<M, P> {
    /// Who reads, if somebody may, and how many threads do.
    ahead: Option<Ahead>,
    reading: usize,
    walk: Option<Walk>,
    /// Batches to be observed, and empty ones.
    waiting: VecDeque<Batch>,
    spare: Vec<Batch>,
    /// The batch that is being observed, how many shards have not come back, the shards that have not
    /// begun, and those that are through.
    batch: Option<Arc<Batch>>,
    out: usize,
    shards: VecDeque<Shard>,
    through: Vec<Shard>,
    table: Option<ConnectionTable>,
    telling: Telling<M, P>,
    /// Whether the connections at the end of the captures are among those to be told.
    closed: bool,
    failure: Option<Failure>,
}

/// Connections on their way to where they belong.
struct Telling<M, P> {
    gone: VecDeque<Gone>,
    /// How many of the first of them are being told.
    begun: usize,
    /// What was made of each chunk from the one in `place` on, if it is ready.
    made: VecDeque<Option<M>>,
    place: usize,
    /// To be used again with the memory that they have got.
    spare: Vec<M>,
    put: Option<P>,
}

impl<M: Default, P> Plan<M, P> {
    pub fn new(mut input: Input, put: P) -> Self {
        let table = ConnectionTable::new();
        Self {
            ahead: input.ahead(),
            reading: 0,
            walk: Some(Walk { input, batch: table.new_batch(), more: true }),
            waiting: VecDeque::new(),
            // One that is being observed, and one more.
            spare: (0..WAITING + 1).map(|_| table.new_batch()).collect(),
            batch: None,
            out: 0,
            shards: VecDeque::new(),
            through: Vec::new(),
            table: Some(table),
            telling: Telling {
                gone: VecDeque::new(),
                begun: 0,
                made: VecDeque::new(),
                place: 0,
                spare: Vec::new(),
                put: Some(put),
            },
            closed: false,
            failure: None,
        }
    }

    /// Whether nothing is left to do.
    pub fn is_done(&self) -> bool {
        self.failure.is_some() || self.closed && self.telling.is_done()
    }

    /// The captures at their end.
    ///
    /// # Errors
    /// That of putting something where it belongs.
    pub fn end(self) -> Result<Input, Failure> {
        match (self.failure, self.walk) {
            (Some(failure), _) => Err(failure),
            (None, walk) => Ok(walk.expect("nobody walks when all is done").input),
        }
    }

    /// What a thread can do next, if there is something.
    ///
    /// There should always be packets to be observed. Beyond that, reading is for when nothing else can
    /// be done, such as when the last shard is waited for. Who has read walks next: what he has read
    /// still is in the cache of his core. So are the connections of the shards, of which some
    /// threads begin with the first and others with the last.
    pub fn job(&mut self, from_first: bool) -> Option<Job<M, P>> {
        self.number()
            .or_else(|| self.close())
            .or_else(|| if self.waiting.is_empty() { self.input() } else { None })
            .or_else(|| self.telling.put())
            .or_else(|| self.telling.tell())
            .or_else(|| self.observe(from_first))
            .or_else(|| self.input())
    }

    fn input(&mut self) -> Option<Job<M, P>> {
        self.walk().or_else(|| self.read())
    }

    fn read(&mut self) -> Option<Job<M, P>> {
        let may = |ahead: &&Ahead| self.reading < ahead.readers() && ahead.has_room();
        let ahead = self.ahead.as_ref().filter(may)?;
        self.reading += 1;
        Some(Job::Read(ahead.clone()))
    }

    pub fn has_read(&mut self) {
        self.reading -= 1;
    }

    fn walk(&mut self) -> Option<Job<M, P>> {
        let ready = self.ahead.as_ref().is_none_or(Ahead::is_ready);
        let room = self.waiting.len() < WAITING && self.telling.gone.len() < GONE;
        let walk = self.walk.take_if(|walk| walk.more && ready && room)?;
        let packets = BATCH - walk.batch.len();
        Some(Job::Walk(walk, packets))
    }

    pub fn has_walked(&mut self, mut walk: Walk) {
        self.ahead = walk.input.ahead();
        self.walk = Some(walk);
        self.hand_over();
    }

    /// Begins with the next batch when the one before is through; if none is full, with what there is.
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
            self.out = self.shards.len();
        }
    }

    fn observe(&mut self, from_first: bool) -> Option<Job<M, P>> {
        let shard = if from_first { self.shards.pop_front() } else { self.shards.pop_back() };
        Some(Job::Observe(shard?, Arc::clone(self.batch.as_ref()?)))
    }

    pub fn has_observed(&mut self, shard: Shard) {
        self.out -= 1;
        self.through.push(shard);
    }

    fn number(&mut self) -> Option<Job<M, P>> {
        if self.out > 0 {
            return None;
        }
        let batch = self.batch.take()?;
        Some(Job::Number(self.table.take()?, std::mem::take(&mut self.through), batch))
    }

    /// `batch` is empty, to be used again.
    pub fn has_numbered(&mut self, table: ConnectionTable, left: Left, batch: Option<Batch>) {
        self.telling.add(Connections::Left(left), table.now_ns());
        self.table = Some(table);
        self.spare.extend(batch);
        self.hand_over();
    }

    fn close(&mut self) -> Option<Job<M, P>> {
        let walked = self.walk.as_ref().is_some_and(|walk| !walk.more && walk.batch.is_empty());
        let observed = self.waiting.is_empty() && self.batch.is_none();
        if walked && observed { self.table.take().map(Job::Close) } else { None }
    }

    pub fn has_closed(&mut self, remaining: ManuallyDrop<Remaining>, now_ns: i64) {
        self.telling.add(Connections::Remaining(remaining), now_ns);
        self.closed = true;
    }

    pub fn has_told(&mut self, place: usize, made: M) {
        let place = place - self.telling.place;
        self.telling.made[place] = Some(made);
    }

    pub fn has_put(&mut self, put: P, made: M, result: Result<(), Failure>) {
        self.telling.put = Some(put);
        self.telling.spare.push(made);
        self.failure = result.err();
    }
}

impl<M: Default, P> Telling<M, P> {
    fn is_done(&self) -> bool {
        self.gone.is_empty() && self.made.is_empty() && self.put.is_some()
    }

    fn add(&mut self, connections: Connections, now_ns: i64) {
        if connections.len() > 0 {
            self.gone.push_back(Gone { connections: Arc::new(connections), now_ns });
        }
    }

    fn tell(&mut self) -> Option<Job<M, P>> {
        if self.made.len() == CHUNKS {
            return None;
        }
        let connections = self.gone.front()?.connections.len();
        let chunk = self.begun..connections.min(self.begun + CHUNK);
        // The last job lets go of all of them.
        let gone = if chunk.end < connections {
            self.begun = chunk.end;
            self.gone.front().cloned()
        } else {
            self.begun = 0;
            self.gone.pop_front()
        };
        let made = self.spare.pop().unwrap_or_default();
        let place = self.place + self.made.len();
        self.made.push_back(None);
        Some(Job::Tell { gone: gone?, chunk, place, made })
    }

    fn put(&mut self) -> Option<Job<M, P>> {
        self.made.front()?.as_ref()?;
        let put = self.put.take()?;
        self.place += 1;
        Some(Job::Put(put, self.made.pop_front()??))
    }
}
