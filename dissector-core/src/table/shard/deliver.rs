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
    if connection.is_renumbered() {
        return deliver_renumbered::<REPORT>(view, sender, now_ns, connection, recent);
    }
    deliver_as_is::<REPORT>(view, sender, now_ns, connection, recent)
}

/// The same, for one of a connection that was captured on both sides of a device that rewrites numbers.
#[cold]
fn deliver_renumbered<const REPORT: bool>(
    view: &SegmentView<'_>,
    sender: Side,
    now_ns: i64,
    connection: &mut Connection,
    recent: &mut RecentSegments,
) -> Annotation {
    connection.learn_numbers(view.segment, sender);
    let own = &connection.in_own_numbers(view.segment, sender);
    let view = &SegmentView { segment: own, ..*view };
    deliver_as_is::<REPORT>(view, sender, now_ns, connection, recent)
}

#[inline(always)]
fn deliver_as_is<const REPORT: bool>(
    view: &SegmentView<'_>,
    sender: Side,
    now_ns: i64,
    connection: &mut Connection,
    recent: &mut RecentSegments,
) -> Annotation {
    let event = Event::new(view, sender, connection.receiver(sender));
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
