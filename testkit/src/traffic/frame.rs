//! One TCP segment in an Ethernet frame, and captures of such frames.

use std::fs::File;
use std::io::{self, BufWriter};
use std::net::SocketAddrV4;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use etherparse::{EtherType, Ethernet2Header, IpNumber, Ipv4Header, TcpHeader};
use pcap_file::pcap::{PcapHeader, PcapPacket, PcapTsResolution, PcapWriter};
use pcap_file::{DataLink, Endianness};

use crate::folders::At;

/// The bits of a TCP header's flags.
pub(super) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
pub(super) const RST: u8 = 0x04;
pub(super) const PSH: u8 = 0x08;
pub(super) const ACK: u8 = 0x10;

/// A TCP segment over IPv4.
pub(super) struct Segment<'a> {
    pub(super) source: SocketAddrV4,
    pub(super) destination: SocketAddrV4,
    /// The identification of the IP header.
    pub(super) identification: u16,
    pub(super) sequence: u32,
    pub(super) acknowledgment: u32,
    pub(super) flags: u8,
    pub(super) options: &'a [u8],
    pub(super) payload: &'a [u8],
    /// Whether TCP's checksum is filled in; it is 0 if the network card would do that.
    pub(super) checksum: bool,
}

impl Segment<'_> {
    /// Writes the segment as an Ethernet frame into `frame`, over what it holds.
    fn write(&self, frame: &mut Vec<u8>) -> Result<()> {
        let mut tcp = TcpHeader::new(
            self.source.port(),
            self.destination.port(),
            self.sequence,
            0xfaf0, // window
        );
        tcp.acknowledgment_number = self.acknowledgment;
        [tcp.fin, tcp.syn, tcp.rst, tcp.psh, tcp.ack] =
            [FIN, SYN, RST, PSH, ACK].map(|flag| self.flags & flag != 0);
        tcp.set_options_raw(self.options)?;
        let octets = (tcp.header_len() + self.payload.len()) as u16;
        let [source, destination] = [self.source, self.destination].map(|end| end.ip().octets());
        let mut ip = Ipv4Header::new(octets, 64, IpNumber::TCP, source, destination)?;
        ip.identification = self.identification;
        if self.checksum {
            tcp.checksum = tcp.calc_checksum_ipv4(&ip, self.payload)?;
        }
        frame.clear();
        let ethernet = Ethernet2Header {
            source: [2, 0, 0, 0, 0, 1],
            destination: [2, 0, 0, 0, 0, 2],
            ether_type: EtherType::IPV4,
        };
        ethernet.write(frame)?;
        ip.write(frame)?;
        tcp.write(frame)?;
        frame.extend(self.payload);
        Ok(())
    }
}

/// A capture that is being written. It may become larger than memory.
pub(super) struct Capture {
    writer: PcapWriter<BufWriter<File>>,
    frame: Vec<u8>,
    /// How many packets it has.
    pub(super) packets: u64,
}

impl Capture {
    /// Begins a capture of Ethernet frames with times in nanoseconds.
    pub(super) fn create(file: &Path) -> Result<Self> {
        let output = BufWriter::with_capacity(1 << 20, File::create(file).at(file)?);
        let header = PcapHeader {
            snaplen: 0x0004_0000,
            datalink: DataLink::ETHERNET,
            ts_resolution: PcapTsResolution::NanoSecond,
            endianness: Endianness::Little,
            ..PcapHeader::default()
        };
        let writer = PcapWriter::with_header(output, header)?;
        Ok(Self { writer, frame: Vec::new(), packets: 0 })
    }

    /// Appends a segment.
    pub(super) fn push(&mut self, time_ns: u64, segment: &Segment<'_>) -> Result<()> {
        segment.write(&mut self.frame)?;
        let octets = self.frame.len() as u32;
        let time = Duration::from_nanos(time_ns);
        self.writer.write_packet(&PcapPacket::new(time, octets, &self.frame)?)?;
        self.packets += 1;
        Ok(())
    }

    /// Writes what is still in memory; gives the number of packets.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.writer.flush().map_err(io::Error::other)?;
        Ok(self.packets)
    }
}
