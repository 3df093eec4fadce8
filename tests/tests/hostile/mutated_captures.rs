//! Mutated frames of the samples and of the corpus.

use testkit::capture::{Frame, Frames};
use testkit::packet::ETHERNET;
use testkit::random::Rng;
use tests::{corpus, in_parallel, samples};

use crate::compare::{assert_same, share};
use crate::frame_mutations::{cut, every_value, in_disorder, made_up, mutate};
use crate::frames::read_all;

fn sample_frames() -> Frames {
    let mut read = read_all(&samples());
    read.retain(|frames| frames.link_type == ETHERNET);
    read.pop().expect("the samples are of Ethernet")
}

fn ethernet(frames: Vec<Frame>) -> Frames {
    Frames { link_type: ETHERNET, frames }
}

/// `times` copies of every frame, each with some mutations.
fn mutations(source: &Frames, times: usize, seed: u64) -> Frames {
    let mut random = Rng::with_seed(seed);
    let mut made = Vec::new();
    for _ in 0..times {
        for frame in &source.frames {
            let mut frame = frame.clone();
            for _ in 0..random.usize(..4) {
                mutate(&mut frame, &mut random);
            }
            // Wrapped frames grow; this is the longest that is put into a record.
            frame.octets.truncate(0x1_0000);
            made.push(frame);
        }
    }
    let mut made = Frames { link_type: source.link_type, frames: made };
    in_disorder(&mut made, &mut random);
    made
}

/// Every `step`th frame, cut at every length.
fn cuts(source: &Frames, step: usize) -> Frames {
    let frames = source.frames.iter().step_by(step).flat_map(cut).collect();
    Frames { link_type: source.link_type, frames }
}

fn values(source: &Frames, step: usize) -> Frames {
    let frames = source.frames.iter().step_by(step).flat_map(every_value).collect();
    Frames { link_type: source.link_type, frames }
}

fn made_up_frames(count: usize, seed: u64) -> Frames {
    let mut random = Rng::with_seed(seed);
    ethernet((0..count).map(|_| made_up(&mut random)).collect())
}

/// A thousand frames of all kinds, for tests that take long per frame.
pub fn some_of_everything() -> Frames {
    let source = sample_frames();
    let mut all = source.clone();
    for more in
        [cuts(&source, 200), values(&source, 200), mutations(&source, 2, 5), made_up_frames(300, 6)]
    {
        all.frames.extend(more.frames);
    }
    all
}

/// Compares some thousand frames of each kind of mutation.
#[test]
fn thousands_of_frames() {
    let source = sample_frames();
    let all = [
        ("cut", cuts(&source, 20)),
        ("every value", values(&source, 100)),
        ("mutated", mutations(&source, 8, 1)),
        ("made up", made_up_frames(1000, 2)),
    ];
    let frames: usize = all.iter().map(|(_, frames)| frames.frames.len()).sum();
    assert!(frames > 5000, "{frames}");
    let annotated = in_parallel(&all, |(about, frames)| assert_same(about, frames.clone()));
    // The plugin still annotates some frames of each kind.
    assert!(annotated.iter().all(|annotated| *annotated > 200), "{annotated:?}");
}

/// Compares hundreds of thousands of frames, of every link type of the corpus.
#[test]
#[ignore = "takes minutes, and all of it an hour"]
fn hundreds_of_thousands_of_frames() {
    const MOST: usize = 8000;
    let mut all = Vec::new();
    let source = sample_frames();
    all.push(("cut".to_owned(), cuts(&source, 1)));
    all.push(("every value".to_owned(), values(&source, 10)));
    all.extend((0..20).map(|seed| (format!("mutated {seed}"), mutations(&source, 30, 100 + seed))));
    all.extend((0..5).map(|seed| (format!("made up {seed}"), made_up_frames(MOST, 200 + seed))));
    for source in read_all(&corpus()) {
        for (part, frames) in source.frames.chunks(MOST).enumerate() {
            let part_of = Frames { link_type: source.link_type, frames: frames.to_vec() };
            let about = format!("corpus link {} part {part}", source.link_type);
            all.push((format!("{about} cut"), cuts(&part_of, 1 + frames.len() / 100)));
            all.push((about, mutations(&part_of, 1, 300 + part as u64)));
        }
    }
    for (about, frames) in &mut all {
        let long = frames.frames.len() > 4 * MOST;
        eprintln!("{about}: {} frames{}", frames.frames.len(), if long { ", cut" } else { "" });
        frames.frames.truncate(4 * MOST);
    }
    let all = share(all);
    let frames: usize = all.iter().map(|(_, frames)| frames.frames.len()).sum();
    let annotated = in_parallel(&all, |(about, frames)| assert_same(about, frames.clone()));
    eprintln!("{frames} frames, {} annotated", annotated.iter().sum::<usize>());
}
