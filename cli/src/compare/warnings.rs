//! What is wrong with the captures of two points as a pair.

use dissector_core::compare::Comparison;
use dissector_core::connection::Side;

use crate::output::units::count;

/// Warnings about the captures of two points with these names.
pub fn of([first, second]: [&str; 2], comparison: &Comparison) -> Vec<String> {
    let mut warnings = Vec::new();
    let connections = comparison.connections();
    let joined = connections.iter().filter(|it| it.joined_by.is_some()).count();
    if joined == 0 && !connections.is_empty() {
        warnings.push(format!(
            "{first} and {second} have no connection in common. Were both captures running at the same \
             time, for the same traffic (filter, interface)? Does another route lead past one of them? A \
             device that translates addresses is no obstacle, one that ends TCP is"
        ));
    }
    if is_same_capture(comparison) {
        warnings.push(format!(
            "{first} and {second} seem to be the same capture: no time passes between them, and every \
             segment is in both"
        ));
    }
    for (name, coverage) in [first, second].into_iter().zip(comparison.coverage()) {
        if coverage.dropped > 0 {
            warnings.push(format!(
                "{name}: {} by its own account, so that a segment that is missing there is lost only \
                 where its sender has repeated it",
                match coverage.dropped {
                    1 => "the capture dropped a packet".into(),
                    _ => format!("the capture dropped {}", count(coverage.dropped, "packet")),
                }
            ));
        }
    }
    warnings
}

/// Whether both points have the same segments at the same times.
fn is_same_capture(comparison: &Comparison) -> bool {
    let connections = comparison.connections();
    let is_same = |it: &dissector_core::compare::JoinedConnection| {
        it.joined_by.is_some()
            && it.offset_ns == Some(0)
            && it.delays_ns.iter().flatten().all(|delay| *delay == 0)
            && Side::BOTH.iter().all(|side| {
                let totals = it.totals[*side as usize];
                totals.lost.unwrap_or(0) == 0 && totals.appeared.unwrap_or(0) == 0
            })
    };
    !connections.is_empty() && connections.iter().all(is_same)
}
