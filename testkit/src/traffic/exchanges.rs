//! The capture that `cargo xtask cost` measures with: one connection after the other.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Result;

use super::START_NS;
use crate::capture::PcapFile;
use crate::packet::{ACK, ETHERNET, FIN, PSH, SYN, TcpPacket};

/// Segments of a connection: sent by the client or not, sequence and acknowledgment number relative
/// to the initial ones, flags and payload.
const SEGMENTS: [(bool, u32, u32, u16, &[u8]); 8] = [
    (true, 0, 0, SYN, b""),
    (false, 0, 1, SYN | ACK, b""),
    (true, 1, 1, ACK, b""),
    (true, 1, 1, PSH | ACK, b"hello\r\n"),
    (false, 1, 8, PSH | ACK, b"good day\r\n"),
    (true, 8, 11, FIN | ACK, b""),
    (false, 11, 9, FIN | ACK, b""),
    (true, 9, 12, ACK, b""),
];

/// Writes this many short connections: handshake, a little data in each direction, close. They have
/// eight segments each; gives the number of packets.
pub fn write_exchanges(file: &Path, connections: u16) -> Result<u64> {
    let mut capture = PcapFile::create(ETHERNET, file)?;
    let mut time_ns = START_NS;
    for number in 0..connections {
        let [high, low] = number.to_be_bytes();
        // RFC 2544 sets these addresses aside for measurements.
        let client = (Ipv4Addr::new(198, 18, high, low), 49_152 + number % 16_000);
        let server = (Ipv4Addr::new(198, 19, 0, 1), 4_242);
        let isn = u32::from(number).wrapping_mul(2_654_435_761);
        for (to_server, sequence, acknowledgment, flags, payload) in SEGMENTS {
            let ends = [(client, isn), (server, isn ^ 0x5a5a_5a5a)];
            let [(source, own), (destination, other)] =
                if to_server { ends } else { [ends[1], ends[0]] };
            let is = |flag| flags & flag != 0;
            time_ns += 100_000;
            let packet = TcpPacket {
                ip_id: Some(0),
                sequence: own.wrapping_add(sequence),
                acknowledgment: if is(ACK) { other.wrapping_add(acknowledgment) } else { 0 },
                flags,
                window: 0xfaf0,
                // MSS 1460, SACK permitted, window scale 7.
                options: if is(SYN) { vec![2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7] } else { vec![] },
                payload: payload.to_vec(),
                ..TcpPacket::between(source, destination)
            };
            capture.push(time_ns, &packet.ethernet())?;
        }
    }
    capture.finish()
}
