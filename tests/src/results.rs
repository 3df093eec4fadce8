//! Results that several tests of a program share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

/// Results by key. Each is made once, even if several tests ask for it at the same time.
pub struct Results<V>(Mutex<BTreeMap<String, Arc<OnceLock<V>>>>);

impl<V: Clone> Results<V> {
    /// A collection without results.
    #[expect(clippy::new_without_default, reason = "for statics")]
    pub const fn new() -> Self {
        Self(Mutex::new(BTreeMap::new()))
    }

    /// The result of `key`, which `make` makes.
    ///
    /// # Panics
    /// If `make` panics; a later call makes it again.
    pub fn get(&self, key: String, make: impl FnOnce() -> V) -> V {
        let mut all = self.0.lock().expect("no thread panics while it holds the lock");
        let result = Arc::clone(all.entry(key).or_default());
        drop(all);
        result.get_or_init(make).clone()
    }
}
