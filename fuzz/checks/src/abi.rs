//! The C interfaces of the plugin and of the library, called in any order: segments, frames, revisits,
//! statistics and settings, with null pointers in between.

mod host;
mod shown;

use self::host::Host;
use crate::connections::capture;
use crate::octets::Octets;

/// Reads the octets as calls: one octet chooses the function, the following ones its arguments.
pub fn check(octets: &[u8]) {
    let mut octets = Octets::new(octets);
    let mut host = Host::new(octets.u8());
    let mut time_ns = 0;
    for _ in 0..400 {
        if octets.is_empty() {
            break;
        }
        let call = octets.u8();
        // The bits of the pointers that are null; mostly none.
        let nulls = if call & 0x80 == 0 { 0 } else { octets.u8() };
        match call & 0x1f {
            0..=11 => {
                let packet = capture::next(&mut octets, host.frame.into(), &mut time_ns);
                host.learn(&packet, nulls);
                // Most frames hold one segment.
                if call & 0x1f < 8 {
                    host.end_frame(nulls);
                }
            }
            12 | 13 => host.learn_anything(&mut octets, nulls),
            14 => host.end_frame(nulls),
            // A frame that holds no TCP, or that a read filter rejected.
            15 => host.frame += 1,
            16 => host.step_back(),
            17 => host.frame = host.frame.saturating_add(u32::from(octets.u16())),
            18..=22 => {
                let (frame, nth) = (octets.u16(), octets.u8() & 3);
                host.show(frame.into(), nth.into(), call & 0x40 != 0, nulls);
            }
            23 => host.configure(&mut octets, nulls),
            24..=26 => host.see(octets.u8(), call & 0x40 != 0, nulls),
            27 => host.settle(nulls),
            28 => host.clear(nulls),
            29 => host.rows(nulls),
            30 if call & 0x40 != 0 => host.observe_frame(&mut octets, nulls),
            30 => host.free_anew(octets.u8()),
            _ => host.labels(octets.u8()),
        }
    }
    host.finish();
}
