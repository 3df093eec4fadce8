//! Choices that look random and are the same each time: fastrand's generator with a given seed.

pub use fastrand::Rng;

/// One of `all`, which must not be empty.
pub fn pick<T: Copy>(random: &mut Rng, all: &[T]) -> T {
    all[random.usize(..all.len())]
}

/// True in `percent` of a hundred cases.
pub fn chance(random: &mut Rng, percent: u32) -> bool {
    random.u32(..100) < percent
}
