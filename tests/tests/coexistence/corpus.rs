//! Real captures of all kinds: in each, all is as without the plugin.

use tests::{at_length, corpus, in_parallel, wireshark};

use crate::details::{Details, details};

/// Every third of them, and [at length](at_length) each.
#[test]
#[ignore = "takes minutes"]
fn captures_of_the_corpus() {
    let step = if at_length() { 1 } else { 3 };
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
