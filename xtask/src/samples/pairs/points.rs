//! The captures of a pair: counted as tcpdump wrote them, and written with other addresses and times.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use pcap_file::DataLink;
use pcap_file::pcap::{PcapReader, PcapWriter, RawPcapPacket};
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::interface_statistics::{
    InterfaceStatisticsBlock, InterfaceStatisticsOption,
};
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::pcapng::{Block, PcapNgReader, PcapNgWriter};
use testkit::folders::At;
use testkit::kernel::Side;

use super::Addresses;
use crate::samples::rewrite::{ETHERNET, LINUX_SLL2, replace_addresses};

/// A recording at one point.
pub(super) struct Point {
    /// What tcpdump wrote.
    pub(super) file: PathBuf,
    /// When the capture began and ended, if that is to be said; in time since 1970.
    pub(super) spanned: Option<[Duration; 2]>,
}

/// The frames at a point, by the way they go.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counted {
    pub(super) to_client: i64,
    pub(super) to_server: i64,
}

/// The clock of a point beside that of the client's.
#[derive(Clone, Copy, Default)]
pub(super) struct Clock {
    /// When it is ahead by just this much: at the client's first frame.
    pub(super) first_ns: i64,
    pub(super) ahead_ns: i64,
    /// How much faster it goes, in millionths.
    pub(super) drift_ppm: i64,
}

impl Clock {
    /// What it shows.
    fn at(self, time: Duration) -> Duration {
        let time_ns = time.as_nanos() as i64;
        let drifted = i128::from(time_ns - self.first_ns) * i128::from(self.drift_ppm) / 1_000_000;
        let shown = time_ns + self.ahead_ns + drifted as i64;
        Duration::from_nanos(u64::try_from(shown).unwrap_or(0))
    }
}

/// The time since 1970.
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Counts the frames of a recording.
pub(super) fn count(file: &Path) -> Result<Counted> {
    let mut counted = Counted::default();
    for_each_frame(file, |_, frame| {
        // The last octet of an Ethernet address is the host's number.
        match frame.get(5) {
            Some(number) if *number == Side::Client.number() => counted.to_client += 1,
            Some(_) => counted.to_server += 1,
            None => {}
        }
        Ok(())
    })?;
    Ok(counted)
}

impl Counted {
    fn all(self) -> i64 {
        self.to_client + self.to_server
    }
}

/// Both recordings in the router have to have every frame of both points.
pub(super) fn check_inside(inside: &[PathBuf; 2], points: [Counted; 2]) -> Result<()> {
    let [interfaces, any] = inside;
    let mut reader = PcapNgReader::new(BufReader::new(File::open(interfaces).at(interfaces)?))?;
    let mut counts = [0; 2];
    while let Some(block) = reader.next_block() {
        counts[0] += i64::from(matches!(block?.0, Block::EnhancedPacket(_)));
    }
    for_each_frame(any, |_, _| {
        counts[1] += 1;
        Ok(())
    })?;
    let wanted: i64 = points.map(Counted::all).iter().sum();
    ensure!(counts == [wanted; 2], "the router's recordings have {counts:?} of {wanted} frames");
    Ok(())
}

/// The time of a recording's first frame.
pub(super) fn first_ns(file: &Path) -> Result<i64> {
    let mut first = None;
    for_each_frame(file, |time, _| {
        first.get_or_insert(time.as_nanos() as i64);
        Ok(())
    })?;
    first.context("the client's point has no frames")
}

/// Calls `with` for each frame of a recording and its time.
pub(super) fn for_each_frame(
    file: &Path,
    mut with: impl FnMut(Duration, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut reader = PcapReader::new(BufReader::new(File::open(file).at(file)?))?;
    while let Some(packet) = reader.next_packet().transpose()? {
        with(packet.timestamp(), packet.data())?;
    }
    Ok(())
}

/// Writes a recording with the times of a clock and other addresses.
pub(super) fn write(
    point: &Point,
    file: &Path,
    clock: Clock,
    addresses: &Addresses,
    comment: &str,
) -> Result<()> {
    let mut writer = begun(file, comment)?;
    let mut interface = InterfaceDescriptionBlock::new(DataLink::ETHERNET, 0);
    interface.options.push(InterfaceDescriptionOption::IfName("eth0".into()));
    interface.options.push(InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::NANO));
    writer.write_pcapng_block(interface)?;
    for_each_frame(&point.file, |time, frame| {
        let mut frame = frame.to_vec();
        replace_addresses(&mut frame, ETHERNET, addresses);
        writer.write_pcapng_block(EnhancedPacketBlock {
            timestamp: clock.at(time),
            original_len: frame.len() as u32,
            data: frame.into(),
            ..Default::default()
        })?;
        Ok(())
    })?;
    if let Some([begin, end]) = point.spanned.map(|span| span.map(|time| clock.at(time))) {
        writer.write_pcapng_block(InterfaceStatisticsBlock {
            interface_id: 0,
            timestamp: end,
            options: vec![
                InterfaceStatisticsOption::IsbStartTime(begin),
                InterfaceStatisticsOption::IsbEndTime(end),
                InterfaceStatisticsOption::IsbIfDrop(0),
            ],
        })?;
    }
    writer.into_inner().flush().at(file)
}

/// Begins a pcapng file.
fn begun(file: &Path, comment: &str) -> Result<PcapNgWriter<BufWriter<File>>> {
    let comment = CommonOption::Comment(comment.into());
    let section = SectionHeaderBlock {
        options: vec![SectionHeaderOption::Common(comment)],
        ..Default::default()
    };
    let output = BufWriter::new(File::create(file).at(file)?);
    Ok(PcapNgWriter::with_section_header(output, section)?)
}

/// Writes what dumpcap recorded on both of the router's interfaces with other addresses.
pub(super) fn write_interfaces(
    from: &Path,
    file: &Path,
    addresses: &Addresses,
    comment: &str,
) -> Result<()> {
    let mut reader = PcapNgReader::new(BufReader::new(File::open(from).at(from)?))?;
    let mut writer = begun(file, comment)?;
    while let Some(block) = reader.next_block() {
        let (mut block, _) = block?;
        if let Block::EnhancedPacket(packet) = &mut block {
            replace_addresses(packet.data.to_mut(), ETHERNET, addresses);
        }
        writer.write_block(&block)?;
    }
    writer.into_inner().flush().at(file)
}

/// Writes what tcpdump recorded on all of the router's interfaces as one with other addresses; the
/// link type has the number of the interface in each frame.
pub(super) fn write_any(from: &Path, file: &Path, addresses: &Addresses) -> Result<()> {
    let mut reader = PcapReader::new(BufReader::new(File::open(from).at(from)?))?;
    let output = BufWriter::new(File::create(file).at(file)?);
    let mut writer = PcapWriter::with_header(output, reader.header())?;
    while let Some(packet) = reader.next_raw_packet().transpose()? {
        let mut frame = packet.data.to_vec();
        replace_addresses(&mut frame, LINUX_SLL2, addresses);
        writer.write_raw_packet(&RawPcapPacket { data: frame.into(), ..packet })?;
    }
    writer.into_inner().flush().at(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_ahead_and_drifts() {
        let clock = Clock { first_ns: 10_000_000_000, ahead_ns: -2_000_000_000, drift_ppm: 80 };
        let shown = [10, 20].map(|seconds| clock.at(Duration::from_secs(seconds)));
        assert_eq!(shown, [Duration::from_secs(8), Duration::from_micros(18_000_800)]);
    }
}
