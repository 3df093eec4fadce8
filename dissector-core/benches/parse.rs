//! TCP headers and options alone: ours, etherparse's and smoltcp's parsing of the same octets.
//!
//! `cargo bench -p dissector-core --bench parse -- FILE ours|etherparse|smoltcp|nothing`; under
//! `valgrind --tool=callgrind` the same program counts instructions. `nothing` touches each segment
//! and parses none: what the others have to be compared less.

use std::hint::black_box;

use dissector_core::capture::{Capture, Packet};
use dissector_core::wire::TcpHeader;
use etherparse::TcpHeaderSlice;
use smoltcp::wire::{TcpOption, TcpPacket};

/// How often all segments are parsed: reading the file is to be little beside it.
const ROUNDS: usize = 20;

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with('-'));
    let (Some(file), Some(parser)) = (arguments.next(), arguments.next()) else {
        eprintln!("no capture or no parser given: nothing measured");
        return;
    };
    let segments = segments(&file);
    let parse: fn(&[u8]) -> u64 = match parser.as_str() {
        "ours" => ours,
        "etherparse" => of_etherparse,
        "smoltcp" => of_smoltcp,
        _ => nothing,
    };
    let mut sum = 0u64;
    for _ in 0..ROUNDS {
        for octets in &segments {
            sum = sum.wrapping_add(parse(black_box(octets)));
        }
    }
    println!("{} segments parsed {ROUNDS} times ({sum})", segments.len());
}

/// The octets of each TCP segment: header, options and captured payload.
fn segments(file: &str) -> Vec<Vec<u8>> {
    let mut capture = Capture::open(file).expect("the capture can be opened");
    let mut segments = Vec::new();
    while let Some(packet) = capture.next_packet().expect("the capture can be read") {
        let Packet::Segment(segment) = packet else { continue };
        let tcp = &segment.tcp;
        let mut octets = Vec::with_capacity(tcp.header_octets() + tcp.payload.len());
        octets.extend(tcp.source_port.to_be_bytes());
        octets.extend(tcp.destination_port.to_be_bytes());
        octets.extend(tcp.sequence.0.to_be_bytes());
        octets.extend(tcp.acknowledgment.0.to_be_bytes());
        octets.extend((u16::from(tcp.data_offset) << 12 | tcp.flags.bits()).to_be_bytes());
        octets.extend(tcp.window.to_be_bytes());
        octets.extend(tcp.checksum.to_be_bytes());
        octets.extend(tcp.urgent_pointer.to_be_bytes());
        octets.extend(tcp.option_octets);
        octets.extend(tcp.payload);
        segments.push(octets);
    }
    segments
}

#[inline(never)]
fn ours(octets: &[u8]) -> u64 {
    let Ok(header) = TcpHeader::parse(octets) else { return 0 };
    let options = header.options().map(|option| u64::from(black_box(option).is_ok())).sum::<u64>();
    black_box(&header);
    u64::from(header.sequence.0) + options
}

#[inline(never)]
fn of_etherparse(octets: &[u8]) -> u64 {
    let Ok(slice) = TcpHeaderSlice::from_slice(octets) else { return 0 };
    let options = slice.options_iterator();
    let options = options.map(|option| u64::from(black_box(option).is_ok())).sum::<u64>();
    // All fields, as ours gives them.
    let header = slice.to_header();
    black_box(&header);
    u64::from(header.sequence_number) + options
}

#[inline(never)]
fn of_smoltcp(octets: &[u8]) -> u64 {
    let Ok(packet) = TcpPacket::new_checked(octets) else { return 0 };
    let mut rest = packet.options();
    let mut options = 0;
    while !rest.is_empty() {
        let Ok((following, option)) = TcpOption::parse(rest) else { break };
        options += 1;
        rest = following;
        if black_box(option) == TcpOption::EndOfList {
            break;
        }
    }
    black_box((packet.src_port(), packet.dst_port(), packet.ack_number(), packet.window_len()));
    black_box((packet.syn(), packet.ack(), packet.fin(), packet.rst(), packet.psh()));
    packet.seq_number().0 as u64 + options
}

#[inline(never)]
fn nothing(octets: &[u8]) -> u64 {
    octets.len() as u64
}
