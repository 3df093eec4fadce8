//! Judging the connections of a comparison in several threads.

use std::ops::Range;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use crate::Failure;

/// Threads that judge; as many as read the captures of two points.
const THREADS: usize = 2;
/// Connections that a thread judges at a time: their rows fill less than a megabyte.
const CHUNK: usize = 1024;

/// Calls `make` for one chunk of `0..connections` after the other, in several threads, and `take` with what
/// it makes, in order. No more than two chunks a thread are in memory.
pub fn in_chunks<T: Send>(
    connections: usize,
    make: impl Fn(Range<usize>) -> T + Sync,
    mut take: impl FnMut(T) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let chunks = connections.div_ceil(CHUNK);
    let chunk = |place: usize| place * CHUNK..connections.min((place + 1) * CHUNK);
    let threads = THREADS.min(chunks);
    if threads < 2 {
        return (0..chunks).try_for_each(|place| take(make(chunk(place))));
    }
    let make = &make;
    thread::scope(|scope| {
        let start = |first: usize| -> Receiver<T> {
            let (sender, receiver) = sync_channel(1);
            scope.spawn(move || {
                let mut places = (first..chunks).step_by(threads);
                // Nobody receives any more after an error.
                places.try_for_each(|place| sender.send(make(chunk(place))))
            });
            receiver
        };
        let receivers: Vec<_> = (0..threads).map(start).collect();
        // A thread that panics has sent less; the scope goes on with its panic.
        let mut made = (0..chunks).map_while(|place| receivers[place % threads].recv().ok());
        made.try_for_each(&mut take)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_in_order_and_hold_each_connection_once() {
        for connections in [0, 1, CHUNK, CHUNK + 1, 7 * CHUNK + 3] {
            let mut taken = Vec::new();
            let result = in_chunks(connections, Vec::from_iter, |chunk| {
                taken.extend(chunk);
                Ok(())
            });
            assert!(result.is_ok());
            assert!(taken.into_iter().eq(0..connections), "{connections}");
        }
    }

    #[test]
    fn an_error_ends_it() {
        let mut taken = 0;
        let result = in_chunks(100 * CHUNK, Vec::from_iter, |_| {
            taken += 1;
            if taken < 3 { Ok(()) } else { Err(Failure::Interrupted) }
        });
        assert!(matches!(result, Err(Failure::Interrupted)));
        assert_eq!(taken, 3);
    }
}
