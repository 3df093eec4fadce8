//! Captures of the corpus: Wireshark's own details of each frame are the same as without the
//! plugin.

use tests::{all_cases, corpus, in_parallel, wireshark};

use crate::details::{Details, details};

/// Compares every third capture, or all of them with [`TCPHS_LONG`](all_cases).
#[test]
#[ignore = "takes minutes"]
fn captures_of_the_corpus() {
    let step = if all_cases() { 1 } else { 3 };
    let captures: Vec<_> = corpus().into_iter().step_by(step).collect();
    let wrong = in_parallel(&captures, |capture| {
        let path = capture.to_string_lossy();
        let see = |tshark| -> Details { details(tshark, &path, &["-2"]) };
        let (with, without) = (see(wireshark().with_plugin()), see(wireshark().without_plugin()));
        let differ = with.theirs.iter().zip(&without.theirs).position(|(a, b)| a != b);
        let same = differ.is_none() && with.theirs.len() == without.theirs.len();
        (!same).then(|| format!("{path} frame {:?}", differ.map(|place| place + 1)))
    });
    let wrong: Vec<_> = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
