//! What changed of a segment on the way, before and after.

use dissector_core::compare::{Change, ChangeSet, Crossing, Sighting};

/// These changes of a segment: `mss 1460 → 1100`.
pub fn texts(crossing: &Crossing, changes: ChangeSet) -> Vec<String> {
    let (Some(near), Some(far)) = (&crossing.near, &crossing.far) else { return Vec::new() };
    changes.iter().map(|change| text(change, near, far)).collect()
}

fn text(change: Change, near: &Sighting, far: &Sighting) -> String {
    let offers = near.offer().unwrap_or_default();
    let arrived = far.offer().unwrap_or_default();
    let number = |value: Option<u64>| value.map_or_else(|| "none".to_owned(), |it| it.to_string());
    let both = |name: &str, before: String, after: String| format!("{name} {before} → {after}");
    let has = |value: bool| if value { "yes" } else { "no" }.to_owned();
    match change {
        Change::Mss => {
            both("mss", number(offers.mss.map(Into::into)), number(arrived.mss.map(Into::into)))
        }
        Change::WindowScale => both(
            "wscale",
            number(offers.window_scale.map(Into::into)),
            number(arrived.window_scale.map(Into::into)),
        ),
        Change::Sack => both("SACK", has(offers.sack), has(arrived.sack)),
        Change::Timestamps => {
            both("timestamps", has(near.timestamps().is_some()), has(far.timestamps().is_some()))
        }
        Change::Options => "other options".into(),
        Change::Sequence => {
            let by = far.sequence.0.wrapping_sub(near.sequence.0);
            format!("sequence numbers +{by}")
        }
        Change::Acknowledgment => "acknowledgment number".into(),
        Change::Flags => {
            both("flags", near.flags.tcpdump().to_string(), far.flags.tcpdump().to_string())
        }
        Change::Window => both("window", near.window.to_string(), far.window.to_string()),
        Change::Length => {
            both("length", near.payload_octets.to_string(), far.payload_octets.to_string())
        }
        Change::Payload => "payload".into(),
        Change::Ttl => both("TTL", near.ttl.to_string(), far.ttl.to_string()),
        other => other.label().replace('_', " "),
    }
}
