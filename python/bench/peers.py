"""What connections in a frame of pandas cost with tcphs, and with what else Python users take.

Every program gets the same capture and answers the same question: for each connection, both addresses
and ports, the times of SYN, SYN/ACK and final ACK, whether it came up, and how long that took.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Tuple

EPILOG = """\
The capture of docs/PERFORMANCE.md has 650,000 packets of 100,000 connections:

  cargo xtask generate handshakes 100000 handshakes.pcap

It has to be a pcap file. Needed: tcphs, what requirements.txt names, and tshark.
"""

SYN, RST, ACK = 0x02, 0x04, 0x10

COLUMNS = [
    "client_addr",
    "client_port",
    "server_addr",
    "server_port",
    "syn",
    "synack",
    "final_ack",
    "client_isn",
    "server_next",
]

# Handshakes only: what has to be written and read again costs most.
FILTER = (
    "tcp.flags.syn == 1 or (tcp.flags.ack == 1 and tcp.flags.reset == 0"
    " and tcp.seq == 1 and tcp.ack == 1 and tcp.len == 0)"
)

# Limits for --check.
MOST_OF_COMMAND = 1.3
LEAST_OF_DPKT = 25
LEAST_OF_SCAPY = 300
# The capture has not even two batches of rows. With more of them, the heaps of the allocator grow until they
# have found their size; from there on, it is to stay.
COPIES = (4, 8, 16)
MORE_PACKETS = 1.15


# The peers. Each returns the frame.


class Handshakes:
    """Follows handshakes, packet by packet, for libraries that only parse packets."""

    def __init__(self) -> None:
        self.rows: List[List[Any]] = []
        self.latest: Dict[Tuple[Any, int, Any, int], List[Any]] = {}

    def see(
        self, at: Any, src: Any, sport: int, dst: Any, dport: int, flags: int, seq: int, ack: int
    ) -> None:
        if flags & SYN:
            if not flags & ACK:
                row = self.latest.get((src, sport, dst, dport))
                if row is None or row[7] != seq:
                    row = [src, sport, dst, dport, at, None, None, seq, None]
                    self.latest[src, sport, dst, dport] = row
                    self.rows.append(row)
                return
            row = self.latest.get((dst, dport, src, sport))
            if row is not None and row[5] is None and ack == (row[7] + 1) & 0xFFFFFFFF:
                row[5], row[8] = at, (seq + 1) & 0xFFFFFFFF
        elif flags & ACK and not flags & RST:
            row = self.latest.get((src, sport, dst, dport))
            if row is not None and row[6] is None and row[8] == ack:
                row[6] = at

    def frame(self) -> Any:
        import pandas

        frame = pandas.DataFrame(self.rows, columns=COLUMNS)
        for name in ("syn", "synack", "final_ack"):
            # Times are decimal seconds.
            times = [None if at is None else int(at * 1_000_000_000) for at in frame[name]]
            frame[name] = pandas.to_datetime(pandas.array(times, dtype="Int64"), utc=True)
        return finished(frame.drop(columns=["client_isn", "server_next"]))


def finished(frame: Any) -> Any:
    frame["established"] = frame["final_ack"].notna()
    frame["setup_time"] = frame["final_ack"] - frame["syn"]
    return frame


def with_tcphs(capture: str) -> Any:
    import tcphs

    return tcphs.connections(capture).to_pandas()


def with_tcphs_one_thread(capture: str) -> Any:
    import tcphs

    return tcphs.connections(capture, threads=1).to_pandas()


def with_dpkt(capture: str) -> Any:
    import dpkt
    import pandas  # noqa: F401
    from dpkt.utils import inet_to_str

    handshakes = Handshakes()
    with open(capture, "rb") as file:
        for at, octets in dpkt.pcap.Reader(file):
            ip = dpkt.ethernet.Ethernet(octets).data
            if not isinstance(ip, (dpkt.ip.IP, dpkt.ip6.IP6)):
                continue
            tcp = ip.data
            if isinstance(tcp, dpkt.tcp.TCP):
                handshakes.see(at, ip.src, tcp.sport, ip.dst, tcp.dport, tcp.flags, tcp.seq, tcp.ack)
    for row in handshakes.rows:
        row[0], row[2] = inet_to_str(row[0]), inet_to_str(row[2])
    return handshakes.frame()


def with_scapy(capture: str) -> Any:
    import pandas  # noqa: F401
    from scapy.all import IP, TCP, IPv6, PcapReader

    handshakes = Handshakes()
    with PcapReader(capture) as packets:
        for packet in packets:
            if TCP not in packet:
                continue
            ip = packet[IP] if IP in packet else packet[IPv6]
            tcp = packet[TCP]
            flags = int(tcp.flags)
            handshakes.see(packet.time, ip.src, tcp.sport, ip.dst, tcp.dport, flags, tcp.seq, tcp.ack)
    return handshakes.frame()


def with_pyshark(capture: str) -> Any:
    from decimal import Decimal

    import pandas  # noqa: F401
    import pyshark

    handshakes = Handshakes()
    packets = pyshark.FileCapture(
        capture, display_filter=FILTER, keep_packets=False, custom_parameters=["-n"]
    )
    try:
        for packet in packets:
            ip = packet.ip if "IP" in packet else packet.ipv6
            tcp = packet.tcp
            handshakes.see(
                Decimal(packet.sniff_timestamp),
                str(ip.src),
                int(tcp.srcport),
                str(ip.dst),
                int(tcp.dstport),
                int(tcp.flags, 16),
                int(tcp.seq_raw),
                int(tcp.ack_raw),
            )
    finally:
        # pyshark ends tshark itself, and now and then takes that for a crash.
        with contextlib.suppress(pyshark.capture.capture.TSharkCrashException):
            packets.close()
    return handshakes.frame()


def with_tshark(capture: str) -> Any:
    import pandas

    fields = {
        "stream": "tcp.stream",
        "time": "frame.time_epoch",
        "src4": "ip.src",
        "src6": "ipv6.src",
        "src_port": "tcp.srcport",
        "dst4": "ip.dst",
        "dst6": "ipv6.dst",
        "dst_port": "tcp.dstport",
        "flags": "tcp.flags",
    }
    asked = [it for field in fields.values() for it in ("-e", field)]
    command = ["tshark", "-n", "-r", capture, "-Y", FILTER, "-T", "fields", *asked]
    texts = dict.fromkeys(("src4", "src6", "dst4", "dst6", "flags"), "str")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tshark:
        packets = pandas.read_csv(tshark.stdout, sep="\t", names=list(fields), dtype=texts)
    if tshark.returncode:
        raise SystemExit(f"tshark ended with {tshark.returncode}")
    packets["src"] = packets.pop("src4").fillna(packets.pop("src6"))
    packets["dst"] = packets.pop("dst4").fillna(packets.pop("dst6"))
    packets["time"] = pandas.to_datetime(packets["time"], unit="s", utc=True)
    flags = packets["flags"].map({it: int(it, 16) for it in packets["flags"].unique()}).astype("int64")
    is_syn, is_ack = flags & SYN != 0, flags & ACK != 0
    frame = packets[is_syn & ~is_ack].drop_duplicates("stream").set_index("stream")
    frame = frame.rename(
        columns={
            "src": "client_addr",
            "src_port": "client_port",
            "dst": "server_addr",
            "dst_port": "server_port",
            "time": "syn",
        }
    )
    frame["synack"] = packets[is_syn & is_ack].drop_duplicates("stream").set_index("stream")["time"]
    acks = packets[~is_syn].join(frame[["client_addr", "client_port"]], on="stream")
    acks = acks[(acks["src"] == acks["client_addr"]) & (acks["src_port"] == acks["client_port"])]
    frame["final_ack"] = acks.drop_duplicates("stream").set_index("stream")["time"]
    return finished(frame.drop(columns="flags").reset_index(drop=True))


PEERS: Dict[str, Callable[[str], Any]] = {
    "tcphs": with_tcphs,
    "tcphs-1": with_tcphs_one_thread,
    "tshark": with_tshark,
    "dpkt": with_dpkt,
    "scapy": with_scapy,
    "pyshark": with_pyshark,
}


def run_peer(name: str, capture: str) -> None:
    """What a process of its own does: one peer, and how much it found."""
    if name == "batches":
        import tcphs

        rows = sum(batch.num_rows for batch in tcphs.connections(capture).to_batches())
        print(json.dumps({"connections": rows}))
        return
    frame = PEERS[name](capture)
    print(json.dumps({"connections": len(frame), "up": int(frame["established"].sum())}))


# Measuring. This process has to stay small: the peak of a process that it starts is at least its own.


class Run(NamedTuple):
    cpu_s: float
    wall_s: float
    peak_kib: int
    found: Dict[str, int]


def run(command: List[str]) -> Run:
    """CPU time of the process and of all it waited for, and the peak of the largest of them."""
    begin = time.monotonic()
    # The threads of the BLAS library spin after its start, for a tenth of a second in the first work that
    # follows. No peer computes with it.
    surroundings = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=surroundings
    )
    assert process.stdout and process.stderr
    output = process.stdout.read()
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    process.stderr.close()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: {errors.decode(errors='replace')}")
    return Run(
        usage.ru_utime + usage.ru_stime, wall_s, usage.ru_maxrss, json.loads(output) if output else {}
    )


class Peer(NamedTuple):
    name: str
    command: Callable[[str], List[str]]
    # Whether it reads a tenth of the packets, and in how many rounds, if not in all.
    tenth: bool = False
    rounds: Optional[int] = None


class Turn(NamedTuple):
    """Medians of one turn, of the peer and of tcphs in turn with it."""

    cpu_s: float
    work_s: float
    start_s: float
    wall_s: float
    of_tcphs: float
    work_of_tcphs: float
    peak_kib: int
    found: Dict[str, int]


def median(runs: List[Run]) -> float:
    return statistics.median(it.cpu_s for it in runs)


def turn(peer: Peer, ours: Peer, captures: Captures, times: int) -> Turn:
    """The peer and tcphs, one after the other, each also on a capture without packets."""
    capture = captures.tenth if peer.tenth else captures.whole
    scale = captures.packets / captures.packets_of_tenth if peer.tenth else 1.0
    runs: List[List[Run]] = [[], [], [], []]
    for number in itertools.count(1):
        runs[0].append(run(ours.command(captures.whole)))
        runs[1].append(run(ours.command(captures.empty)))
        runs[2].append(run(peer.command(capture)))
        runs[3].append(run(peer.command(captures.empty)))
        if number == times or runs[2][0].cpu_s > 5:
            break
    # After a peer that takes long, the machine may be in another mood.
    for _ in range(len(runs[0]), 3):
        runs[0].append(run(ours.command(captures.whole)))
        runs[1].append(run(ours.command(captures.empty)))
    cpu_of_ours, start_of_ours, cpu, start = map(median, runs)
    work = (cpu - start) * scale
    wall = statistics.median(it.wall_s for it in runs[2])
    wall_of_start = statistics.median(it.wall_s for it in runs[3])
    return Turn(
        start + work,
        work,
        start,
        wall_of_start + (wall - wall_of_start) * scale,
        (start + work) / cpu_of_ours,
        work / (cpu_of_ours - start_of_ours),
        max(it.peak_kib for it in runs[2]),
        runs[2][0].found,
    )


# Captures that are made from the one that is given.


class Captures:
    def __init__(self, whole: str, folder: Path) -> None:
        self.whole = whole
        self.empty = str(folder / "empty.pcap")
        self.tenth = str(folder / "tenth.pcap")
        self.long = str(folder / "long.pcap")
        with open(whole, "rb") as file:
            head = file.read(24)
            magic = head[:4]
            if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
                order = "<"
            elif magic in (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d"):
                order = ">"
            else:
                raise SystemExit(f"{whole}: not a pcap file")
            Path(self.empty).write_bytes(head)
            self.record = struct.Struct(order + "IIII")
            first = last = None
            starts = []
            while len(begin := file.read(16)) == 16:
                seconds, _, kept, _ = self.record.unpack(begin)
                starts.append(file.tell() - 16)
                first = seconds if first is None else first
                last = seconds
                file.seek(kept, os.SEEK_CUR)
            if not starts or first is None or last is None:
                raise SystemExit(f"{whole}: no packets")
            self.packets = len(starts)
            self.packets_of_tenth = -(-self.packets // 10)
            self.span_s = last - first
            end = starts[self.packets_of_tenth] if self.packets > 1 else file.tell()
        with open(whole, "rb") as file, open(self.tenth, "wb") as out:
            out.write(file.read(end))

    def repeated(self, copies: int) -> str:
        """The capture so many times in a row, with other ports each time.

        Two minutes after it is over, a connection leaves the table. More than that lies between the
        copies, so as many connections are in the table at once as with one copy.
        """
        if copies < 2:
            return self.whole if copies else self.empty
        shift_s = self.span_s + 300
        with open(self.whole, "rb") as file, open(self.long, "wb") as out:
            out.write(file.read(24))
            for copy in range(copies):
                file.seek(24)
                while len(begin := file.read(16)) == 16:
                    seconds, fraction, kept, sent = self.record.unpack(begin)
                    frame = bytearray(file.read(kept))
                    _shift_port(frame, 2_000 * copy)
                    out.write(self.record.pack(seconds + shift_s * copy, fraction, kept, sent))
                    out.write(frame)
        return self.long


def _shift_port(frame: bytearray, shift: int) -> None:
    """Lowers the port of the client, and adapts the checksum: with Ethernet, IPv4 and TCP only."""
    if frame[12:14] != b"\x08\x00" or frame[23] != 6:
        return
    tcp = 14 + (frame[14] & 15) * 4
    for at in (tcp, tcp + 2):
        port = frame[at] << 8 | frame[at + 1]
        if port >= 32_768:
            frame[at : at + 2] = (port - shift).to_bytes(2, "big")
            total = (frame[tcp + 16] << 8 | frame[tcp + 17]) + shift
            frame[tcp + 16 : tcp + 18] = ((total & 0xFFFF) + (total >> 16)).to_bytes(2, "big")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("capture", help="a pcap file")
    parser.add_argument("--command", default="tcphs", help="the command, as built for release")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (3); scapy and pyshark run once")
    parser.add_argument("--times", type=int, default=7, help="runs in a turn, of what takes under 5 s (7)")
    parser.add_argument("--check", action="store_true", help="exit with 1 if a limit is missed")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="only this peer (repeat for more): see the table"
    )
    parser.add_argument("--peer", choices=[*PEERS, "batches"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.peer:
        run_peer(given.peer, given.capture)
        return 0
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        return compare(given, Path(folder))


def compare(given: argparse.Namespace, folder: Path) -> int:
    captures = Captures(given.capture, folder)

    def python(name: str) -> Callable[[str], List[str]]:
        return lambda capture: [sys.executable, __file__, "--peer", name, capture]

    def command(format: str, *more: str) -> Callable[[str], List[str]]:
        rows = str(folder / "rows")
        asked = [given.command, "connections", "--format", format, "--output", rows, *more]
        return lambda capture: [*asked, capture]

    ours = Peer("tcphs, to_pandas()", python("tcphs"))
    one = Peer("tcphs, threads=1", python("tcphs-1"))
    peers = [
        (one, ours),
        (Peer("command, parquet", command("parquet")), ours),
        (Peer("command, jsonl", command("jsonl")), ours),
        (Peer("tshark -T fields", python("tshark")), ours),
        (Peer("dpkt", python("dpkt")), ours),
        (Peer("scapy", python("scapy"), tenth=True, rounds=1), ours),
        (Peer("pyshark", python("pyshark"), tenth=True, rounds=1), ours),
    ]
    if given.only:
        peers = [it for it in peers if it[0].name in given.only]
    turns: Dict[str, List[Turn]] = {}
    for number in range(1, given.rounds + 1):
        for peer, base in [(ours, ours), *peers]:
            if peer.rounds is None or number <= peer.rounds:
                print(f"round {number}: {peer.name}", file=sys.stderr)
                turns.setdefault(peer.name, []).append(turn(peer, base, captures, given.times))

    def of(name: str, figure: str) -> float:
        return float(statistics.median(getattr(it, figure) for it in turns[name]))

    print(f"{captures.packets} packets, {given.rounds} rounds; scapy and pyshark: a tenth, once, scaled\n")
    print(f"{'times the CPU of tcphs':24}{'all':>9}{'work':>9}", end="")
    print(f"{'CPU s':>10}{'start s':>9}{'wall s':>9}{'peak MiB':>10}{'rows':>9}{'came up':>9}")
    for name, runs in turns.items():
        figures = [of(name, it) for it in ("of_tcphs", "work_of_tcphs", "cpu_s", "start_s", "wall_s")]
        print(f"{name:24}{figures[0]:9.2f}{figures[1]:9.2f}", end="")
        print(f"{figures[2]:10.3f}{figures[3]:9.3f}{figures[4]:9.2f}", end="")
        print(f"{max(it.peak_kib for it in runs) / 1024:10.1f}", end="")
        found = runs[0].found
        print(f"{found.get('connections', '-'):>9}{found.get('up', '-'):>9}")

    lengths = {"no packets": 0, "the capture": 1}
    lengths.update((f"{copies} of them", copies) for copies in COPIES)
    peaks, rows = [], []
    print("\nto_batches()                 rows  peak MiB")
    for name, copies in lengths.items():
        capture = captures.repeated(copies)
        # Which thread allocates what, and so the size of the heaps, differs from run to run.
        runs_of = [run(python("batches")(capture)) for _ in range(given.rounds + 2)]
        peaks.append(max(it.peak_kib / 1024 for it in runs_of))
        rows.append(runs_of[0].found["connections"])
        print(f"{name:20}{rows[-1]:13}{peaks[-1]:10.1f}")

    if not given.check:
        return 0
    missed = []

    def limit(said: str, held: bool) -> None:
        print(f"{'held  ' if held else 'MISSED'}  {said}")
        if not held:
            missed.append(said)

    print()
    if "command, parquet" in turns:
        times = 1 / of("command, parquet", "work_of_tcphs")
        said = f"at most {MOST_OF_COMMAND} times the CPU of the command writing parquet: {times:.2f}"
        limit(said, times <= MOST_OF_COMMAND)
    if "command, jsonl" in turns:
        times = 1 / of("command, jsonl", "work_of_tcphs")
        print(f"        for comparison, the command writing jsonl: {times:.2f}")
    for name, least in (("dpkt", LEAST_OF_DPKT), ("scapy", LEAST_OF_SCAPY)):
        if name in turns:
            times, with_start = of(name, "work_of_tcphs"), of(name, "of_tcphs")
            said = f"at least {least} times less CPU than {name}: {times:.1f}"
            limit(f"{said} ({with_start:.1f} with start and imports)", times >= least)
    *_, shorter, longer = COPIES
    times = peaks[-1] / peaks[-2]
    said = f"to_batches() of {longer} takes at most {MORE_PACKETS} times the memory of {shorter}"
    limit(f"{said}: {times:.2f}", times <= MORE_PACKETS)
    complete = all(count == rows[1] * copies for count, copies in zip(rows, lengths.values()))
    limit("to_batches() has as many rows of each copy", complete)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
