//! A segment reaches its connection, as one that is new or as the copy of one.

use crate::compact::SegmentView;
use crate::connection::annotation::Annotation;
use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::table::recent::{Identity, RecentSegments};
use crate::vocabulary::Side;

/// Gives a segment to its connection, as a duplicate if it was captured before. `REPORT` says whether the
/// annotation is used as a whole; the stage always is.
#[inline(always)]
pub(super) fn deliver<const REPORT: bool>(
    view: &SegmentView<'_>,
    sender: Side,
    now_ns: i64,
    connection: &mut Connection,
    recent: &mut RecentSegments,
) -> Annotation {
    let own;
    let mut view = *view;
    if connection.is_renumbered() {
        connection.learn_numbers(view.segment, sender);
        own = connection.in_own_numbers(view.segment, sender);
        view.segment = &own;
    }
    let event = Event::new(&view, sender, connection.receiver(sender));
    let identity = Identity::new(&event, connection);
    let mut seen = Annotation::BLANK;
    let before;
    if let Some(first_capture) = recent.first_capture(&event, &identity, now_ns) {
        before = connection.states();
        connection.observe_duplicate(event, first_capture, &mut seen);
    } else {
        connection.arrive();
        before = connection.states();
        connection.observe(&event, &mut seen);
        recent.remember(&event, &identity, seen.stage, now_ns);
        connection.end_mut(sender).count_sent();
    }
    if REPORT {
        connection.report(&event, before, &mut seen);
    }
    seen
}
