//! Several threads at work on one thing after the other.

use std::collections::VecDeque;
use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Something that a thread can do while others do something else.
pub type Task<'a> = Box<dyn FnOnce() + Send + 'a>;

/// How many threads are of use unless told otherwise: one that reads and one that follows keep each
/// other busy; more has not been measured.
const USUAL: usize = 2;

/// As many as are asked for, or as are of use where there are so many cores.
pub fn number(asked: Option<NonZero<usize>>) -> usize {
    let cores = || thread::available_parallelism().map_or(1, NonZero::get);
    asked.map_or_else(|| cores().min(USUAL), NonZero::get)
}

/// Does all tasks in at most this many threads, this one included, and comes back when all are done.
///
/// This thread begins with the first task, the others with the last. Where the same tasks come again
/// and again, most are done by the thread, and so in the core, that did them before and has what
/// they need in its cache.
pub fn work(threads: usize, tasks: Vec<Task<'_>>) {
    let others = threads.min(tasks.len()).saturating_sub(1);
    let tasks = Mutex::new(VecDeque::from(tasks));
    let tasks = || tasks.lock().unwrap_or_else(PoisonError::into_inner);
    let take_first = || tasks().pop_front();
    let take_last = || tasks().pop_back();
    thread::scope(|scope| {
        for _ in 0..others {
            scope.spawn(|| {
                while let Some(task) = take_last() {
                    task();
                }
            });
        }
        while let Some(task) = take_first() {
            task();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn every_task_is_done_once_however_many_threads_there_are() {
        for threads in 0..4 {
            let done = AtomicUsize::new(0);
            let tasks = (0..10).map(|number| -> Task<'_> {
                let done = &done;
                Box::new(move || {
                    done.fetch_add(1 << number, Ordering::Relaxed);
                })
            });
            work(threads, tasks.collect());
            assert_eq!(done.into_inner(), 1023);
        }
    }
}
