//! Mutations of frames, most of them in the headers of IP and TCP.

use testkit::capture::{Frame, Frames};
use testkit::packet;
use testkit::random::{Rng, pick};

/// The offsets of the headers of a frame.
#[derive(Clone, Copy)]
struct Headers {
    ip: usize,
    /// The offset of the TCP or ICMP header.
    inner: usize,
    /// 4 or 6.
    version: u8,
}

/// Looks for an IP header in front of TCP or ICMP, whatever the link type.
fn headers(octets: &[u8]) -> Option<Headers> {
    (0..octets.len().min(80)).find_map(|ip| {
        let at = |offset: usize| octets.get(ip + offset).copied();
        let version = at(0)? >> 4;
        let (protocol, length) = match version {
            4 if at(0)? & 0x0f >= 5 => (at(9)?, usize::from(at(0)? & 0x0f) * 4),
            6 => (at(6)?, 40),
            _ => return None,
        };
        let inner = ip + length;
        let known = matches!(protocol, 1 | 6 | 58) && inner < octets.len();
        known.then_some(Headers { ip, inner, version })
    })
}

/// The frame cut at every length, once by the snap length and once by the sender.
pub fn cut(frame: &Frame) -> impl Iterator<Item = Frame> + '_ {
    (0..frame.octets.len()).flat_map(move |length| {
        let octets = frame.octets[..length].to_vec();
        let captured = Frame { octets: octets.clone(), ..frame.clone() };
        let sent = Frame { octets, wire: length as u32, ..frame.clone() };
        [captured, sent]
    })
}

/// Frames with every value of the octets that hold header lengths and TCP flags.
pub fn every_value(frame: &Frame) -> Vec<Frame> {
    let Some(Headers { ip, inner, version }) = headers(&frame.octets) else { return Vec::new() };
    let mut places = vec![ip, inner + 12, inner + 13];
    places.extend(if version == 4 { [ip + 3, ip + 6, ip + 9] } else { [ip + 4, ip + 5, ip + 6] });
    // The kinds and lengths of the options.
    places.extend([inner + 20, inner + 21]);
    let mut made = Vec::new();
    for place in places {
        for value in 0..=u8::MAX {
            let mut changed = frame.clone();
            let Some(octet) = changed.octets.get_mut(place) else { break };
            *octet = value;
            made.push(changed);
        }
    }
    made
}

/// Changes a frame in one way that `random` chooses.
pub fn mutate(frame: &mut Frame, random: &mut Rng) {
    let Some(found) = headers(&frame.octets) else {
        return flip(frame, 0, random);
    };
    match random.usize(..12) {
        0 | 1 => flip(frame, found.ip, random),
        2 | 3 => flip(frame, found.inner, random),
        4 => extreme(frame, found, random),
        5 => options(frame, found, random),
        6 => swap_ends(frame, found),
        7 => shuffle(frame, found, random),
        8 => wrap(frame, found, random),
        9 => truncate(frame, random),
        10 => lengthen(frame, random),
        _ => fragment(frame, found, random),
    }
}

/// Changes up to four octets near `from`: the whole octet or one bit of it.
fn flip(frame: &mut Frame, from: usize, random: &mut Rng) {
    let span = frame.octets.len().saturating_sub(from).min(44);
    if span == 0 {
        return;
    }
    for _ in 0..=random.usize(..4) {
        let octet = &mut frame.octets[from + random.usize(..span)];
        match random.usize(..2) {
            0 => *octet = random.u8(..),
            _ => *octet ^= 1 << random.usize(..8),
        }
    }
}

/// Sets a field of two or four octets to a value at the limit of its range.
fn extreme(frame: &mut Frame, found: Headers, random: &mut Rng) {
    let numbers = [0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, u32::MAX];
    let number = pick(random, &numbers).to_be_bytes();
    // Ports, sequence and acknowledgment number, window, urgent pointer; lengths of IP.
    let place = match random.usize(..7) {
        0 => found.inner,
        1 | 2 => found.inner + 4,
        3 | 4 => found.inner + 8,
        5 => found.inner + 14,
        _ => found.ip + 2,
    };
    let octets = if random.usize(..2) == 0 { &number[..] } else { &number[2..] };
    put(frame, place, octets);
}

/// Fills the options with valid and invalid kinds and lengths.
fn options(frame: &mut Frame, found: Headers, random: &mut Rng) {
    const KINDS: [u8; 14] = [0, 1, 2, 3, 4, 5, 8, 19, 28, 29, 30, 34, 69, 254];
    const LENGTHS: [u8; 8] = [0, 1, 2, 3, 4, 10, 40, 255];
    let room = random.usize(..11);
    let mut octets = Vec::new();
    while octets.len() < room * 4 {
        octets.extend([pick(random, &KINDS), pick(random, &LENGTHS)]);
        octets.extend((0..random.usize(..10)).map(|_| random.u8(..)));
    }
    octets.truncate(room * 4);
    let (start, end) = (found.inner + 20, frame.octets.len());
    if start > end {
        return;
    }
    put(frame, found.inner + 12, &[(5 + room as u8) << 4]);
    let more = octets.len() as u32;
    frame.octets.splice(start..start, octets);
    frame.wire += more;
    if found.version == 4 && random.usize(..2) == 0 {
        let length = (frame.octets.len() - found.ip) as u16;
        put(frame, found.ip + 2, &length.to_be_bytes());
    }
}

/// Exchanges addresses or ports of the two ends.
fn swap_ends(frame: &mut Frame, found: Headers) {
    let (first, octets) = if found.version == 4 { (found.ip + 12, 4) } else { (found.ip + 8, 16) };
    for (place, octets) in [(first, octets), (found.inner, 2)] {
        if let Some(both) = frame.octets.get_mut(place..place + 2 * octets) {
            both.rotate_left(octets);
        }
    }
}

/// Exchanges pieces of the headers.
fn shuffle(frame: &mut Frame, found: Headers, random: &mut Rng) {
    let end = frame.octets.len().min(found.inner + 20);
    let piece = pick(random, &[2, 4, 8]);
    let pieces = (end - found.ip) / piece;
    for place in (1..pieces).rev() {
        let other = random.usize(..place + 1);
        for octet in 0..piece {
            frame.octets.swap(found.ip + place * piece + octet, found.ip + other * piece + octet);
        }
    }
}

/// Puts the packet inside of a copy of itself, or behind VLAN tags.
fn wrap(frame: &mut Frame, found: Headers, random: &mut Rng) {
    let header = frame.octets[found.ip..found.inner].to_vec();
    let times = 1 + random.usize(..6);
    for _ in 0..times {
        match random.usize(..3) {
            0 if found.ip == 14 => {
                // A VLAN tag in front of the type of what follows.
                let tag = [0x81, 0x00, random.u8(..), random.u8(..)];
                frame.octets.splice(12..12, tag);
            }
            _ => {
                // IP in IP.
                let inner = if found.version == 4 { 4 } else { 41 };
                let place = if found.version == 4 { 9 } else { 6 };
                let mut outer = header.clone();
                outer[place] = inner;
                let at = frame.octets.len().min(found.ip);
                frame.octets.splice(at..at, outer);
            }
        }
    }
    frame.wire = frame.wire.max(frame.octets.len() as u32);
}

fn truncate(frame: &mut Frame, random: &mut Rng) {
    let length = random.usize(..frame.octets.len().max(1));
    frame.octets.truncate(length);
    if random.usize(..2) == 0 {
        frame.wire = length as u32;
    }
}

fn lengthen(frame: &mut Frame, random: &mut Rng) {
    let more = random.usize(..200);
    frame.octets.extend((0..more).map(|_| random.u8(..)));
    frame.wire = frame.wire.max(frame.octets.len() as u32);
    if random.usize(..4) == 0 {
        frame.wire = frame.wire.saturating_mul(2 + random.u32(..500)).min(0x0003_ffff);
    }
}

/// Makes the packet a fragment of a datagram.
fn fragment(frame: &mut Frame, found: Headers, random: &mut Rng) {
    if found.version == 4 {
        let offset = random.u16(..8);
        let more = if random.usize(..2) == 0 { 0x2000 } else { 0 };
        put(frame, found.ip + 6, &(offset | more).to_be_bytes());
        return;
    }
    let next = frame.octets[found.ip + 6];
    let offset = (random.u16(..8)) << 3 | random.u16(..2);
    let [high, low] = offset.to_be_bytes();
    let header = [next, 0, high, low, 0, 0, 0, random.u8(..) & 3];
    put(frame, found.ip + 6, &[44]);
    frame.octets.splice(found.inner..found.inner, header);
    frame.wire += 8;
}

fn put(frame: &mut Frame, place: usize, octets: &[u8]) {
    if let Some(there) = frame.octets.get_mut(place..place + octets.len()) {
        there.copy_from_slice(octets);
    }
}

/// Changes the order of frames, repeats some, drops some, and makes the times jump.
pub fn in_disorder(frames: &mut Frames, random: &mut Rng) {
    let all = &mut frames.frames;
    for place in 0..all.len() {
        match random.usize(..20) {
            0 => all.swap(place, random.usize(..place + 1)),
            1 => all[place] = all[random.usize(..place + 1)].clone(),
            2 => all[place].seconds = pick(random, &[0, 1, u32::MAX / 2, u32::MAX, 1_700_000_000]),
            3 => all[place].seconds = all[place].seconds.wrapping_add(random.u32(..300)),
            4 => all[place].nanoseconds = random.u32(..1_000_000_000),
            _ => {}
        }
    }
}

/// An Ethernet frame with valid link and IP headers and random octets behind them.
pub fn made_up(random: &mut Rng) -> Frame {
    let length = random.usize(..120);
    let mut inner: Vec<u8> = std::iter::repeat_with(|| random.u8(..)).take(length).collect();
    // Most headers have a valid length.
    if let Some(octet) = inner.get_mut(12)
        && random.usize(..3) > 0
    {
        *octet = (5 + random.u8(..11)) << 4;
    }
    let host = |random: &mut Rng| 1 + random.u8(..2);
    let octets = if random.usize(..3) > 0 {
        let [from, to] = [(); 2].map(|()| [10, 0, 0, host(random)].into());
        packet::ethernet(0x0800, &packet::ip(from, to, pick(random, &[6, 6, 6, 1]), &inner))
    } else {
        let [from, to] =
            [(); 2].map(|()| [0xfdfd, 0, 0, 0, 0, 0, 0, u16::from(host(random))].into());
        packet::ethernet(0x86dd, &packet::ip(from, to, pick(random, &[6, 6, 58]), &inner))
    };
    Frame {
        nanoseconds: random.u32(..1_000_000_000),
        ..Frame::whole(1_700_000_000_000_000_000, octets)
    }
}
