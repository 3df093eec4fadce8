//! Capture files: frames with their times, written by pcap-file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use pcap_file::pcap::{
    PcapHeader, PcapPacket, PcapReader, PcapTsResolution, PcapWriter, RawPcapPacket,
};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::{DataLink, Endianness};

use crate::folders::At;

/// A frame of a capture.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Frame {
    /// Whole seconds of its time.
    pub seconds: u32,
    /// The rest of its time.
    pub nanoseconds: u32,
    /// Octets on the wire, as the file states them; may be more than were captured, or wrong.
    pub wire: u32,
    /// The captured octets.
    pub octets: Vec<u8>,
}

impl Frame {
    /// A frame captured in full.
    pub fn whole(time_ns: u64, octets: Vec<u8>) -> Self {
        let (seconds, nanoseconds) = (time_ns / 1_000_000_000, time_ns % 1_000_000_000);
        let wire = octets.len() as u32;
        Self { seconds: seconds as u32, nanoseconds: nanoseconds as u32, wire, octets }
    }
}

/// The form of a pcap file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pcap {
    /// Times in nanoseconds.
    Nanoseconds,
    /// Times in microseconds.
    Microseconds,
}

/// Begins a pcap file, little-endian.
fn pcap_writer<W: Write>(link_type: u32, form: Pcap, output: W) -> io::Result<PcapWriter<W>> {
    let header = PcapHeader {
        snaplen: 0x0004_0000,
        datalink: DataLink::from(link_type),
        ts_resolution: match form {
            Pcap::Nanoseconds => PcapTsResolution::NanoSecond,
            Pcap::Microseconds => PcapTsResolution::MicroSecond,
        },
        endianness: Endianness::Little,
        ..PcapHeader::default()
    };
    PcapWriter::with_header(output, header).map_err(io::Error::other)
}

/// A pcap file that is written while its packets are made, with times in nanoseconds. It may become
/// larger than memory.
pub(crate) struct PcapFile {
    writer: PcapWriter<BufWriter<File>>,
    packets: u64,
}

impl PcapFile {
    pub(crate) fn create(link_type: u32, file: &Path) -> Result<Self> {
        let output = BufWriter::with_capacity(1 << 20, File::create(file).at(file)?);
        Ok(Self { writer: pcap_writer(link_type, Pcap::Nanoseconds, output)?, packets: 0 })
    }

    /// Appends a frame.
    pub(crate) fn push(&mut self, time_ns: u64, frame: &[u8]) -> Result<()> {
        let (time, octets) = (Duration::from_nanos(time_ns), frame.len() as u32);
        self.writer.write_packet(&PcapPacket::new(time, octets, frame)?)?;
        self.packets += 1;
        Ok(())
    }

    /// Writes what is still in memory; gives the number of packets.
    pub(crate) fn finish(mut self) -> Result<u64> {
        self.writer.flush().map_err(io::Error::other)?;
        Ok(self.packets)
    }
}

/// Frames of one link type.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Frames {
    /// The link type by its number in capture files.
    pub link_type: u32,
    /// The frames in the order of the file.
    pub frames: Vec<Frame>,
}

impl Frames {
    /// Frames captured in full, one second from each to the next, the first at 1970.
    pub fn each_second(link_type: u32, frames: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let frames = (0..).zip(frames);
        let frames = frames.map(|(second, octets)| Frame::whole(second * 1_000_000_000, octets));
        Self { link_type, frames: frames.collect() }
    }

    /// Reads a pcap file with times in nanoseconds, up to where it cannot be read on; `None` if it
    /// is no such file.
    pub fn read(file: impl Read) -> Option<Self> {
        let mut reader = PcapReader::new(file).ok()?;
        let header = reader.header();
        if header.ts_resolution != PcapTsResolution::NanoSecond {
            return None;
        }
        let mut frames = Vec::new();
        while let Some(Ok(packet)) = reader.next_raw_packet() {
            frames.push(Frame {
                seconds: packet.ts_sec,
                nanoseconds: packet.ts_frac,
                wire: packet.orig_len,
                octets: packet.data.into_owned(),
            });
        }
        Some(Self { link_type: header.datalink.into(), frames })
    }

    /// The octets of a pcap file, little-endian.
    pub fn pcap(&self, form: Pcap) -> Vec<u8> {
        let writer = pcap_writer(self.link_type, form, Vec::new());
        let mut writer = writer.expect("memory takes everything");
        for frame in &self.frames {
            let packet = RawPcapPacket {
                ts_sec: frame.seconds,
                ts_frac: match form {
                    Pcap::Nanoseconds => frame.nanoseconds,
                    Pcap::Microseconds => frame.nanoseconds / 1000,
                },
                incl_len: frame.octets.len() as u32,
                orig_len: frame.wire,
                data: (&frame.octets).into(),
            };
            writer.write_raw_packet(&packet).expect("memory takes everything");
        }
        writer.into_inner()
    }

    /// The octets of a pcapng file with times in nanoseconds, big-endian.
    pub fn pcapng(&self) -> Vec<u8> {
        const WRITES: &str = "memory takes everything";
        let mut writer = PcapNgWriter::with_endianness(Vec::new(), Endianness::Big).expect(WRITES);
        let resolution = InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO);
        let mut interface = InterfaceDescriptionBlock::new(DataLink::from(self.link_type), 0);
        interface.options.push(resolution);
        writer.write_pcapng_block(interface).expect(WRITES);
        for frame in &self.frames {
            let packet = EnhancedPacketBlock {
                timestamp: Duration::new(frame.seconds.into(), frame.nanoseconds),
                original_len: frame.wire,
                data: (&frame.octets).into(),
                ..Default::default()
            };
            writer.write_pcapng_block(packet).expect(WRITES);
        }
        writer.into_inner()
    }

    /// Writes a pcap file with times in nanoseconds that every user can read: tshark may run as
    /// another one.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        fs::write(file, self.pcap(Pcap::Nanoseconds))?;
        fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o644))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_were_written() {
        let frame = Frame { seconds: 1, nanoseconds: 999_999_999, wire: 9, octets: vec![1, 2] };
        let frames = Frames { link_type: 113, frames: vec![frame, Frame::whole(7, vec![])] };
        let file = frames.pcap(Pcap::Nanoseconds);
        assert_eq!(Frames::read(&file[..]), Some(frames.clone()));
        // A file that was cut holds the frames in front of that.
        let cut = Frames::read(&file[..file.len() - 17]).expect("the header is whole");
        assert_eq!(cut.frames, frames.frames[..1][..0]);
    }
}
