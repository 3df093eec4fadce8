"""Captures that are made of packets: handshakes, and data in between."""

from __future__ import annotations

import pathlib
import struct
from typing import List, Tuple

SYN, ACK, FIN = 2, 16, 1
Packet = Tuple[int, bytes]
"""Time in nanoseconds, and the frame."""


def packet(
    time_ns: int, client: int, up: bool, flags: int, seq: int, ack: int, data: int = 0, port: int = 40000
) -> Packet:
    """A segment between the client 10.C.C.C and the server 192.0.2.1:443."""
    ends = [struct.pack(">I", 10 << 24 | client), bytes((192, 0, 2, 1))]
    ports = [port, 443]
    if not up:
        ends.reverse()
        ports.reverse()
    identification = time_ns // 1000 % 65535 + 1
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 40 + data, identification, 0, 64, 6, 0) + b"".join(ends)
    tcp = struct.pack(">HHIIBBHHH", *ports, seq, ack, 0x50, flags, 65000, time_ns % 65536, 0)
    # The frame is cut behind the header; the data has its length only.
    return time_ns, bytes(12) + b"\x08\x00" + ip + tcp


def connection(start_ns: int, client: int, data: int = 0, port: int = 40000) -> List[Packet]:
    """A connection that comes up, with so many segments of data, and ends."""
    ms = 1_000_000
    packets = [
        packet(start_ns, client, True, SYN, 1000, 0, port=port),
        packet(start_ns + 2 * ms, client, False, SYN | ACK, 5000, 1001, port=port),
        packet(start_ns + 3 * ms, client, True, ACK, 1001, 5001, port=port),
    ]
    seq, at = 1001, start_ns + 4 * ms
    for _ in range(data):
        packets.append(packet(at, client, True, ACK, seq % 2**32, 5001, 100, port=port))
        seq, at = seq + 100, at + ms
    packets.append(packet(at, client, True, FIN | ACK, seq % 2**32, 5001, port=port))
    packets.append(packet(at + ms, client, False, FIN | ACK, 5001, (seq + 1) % 2**32, port=port))
    packets.append(packet(at + 2 * ms, client, True, ACK, (seq + 1) % 2**32, 5002, port=port))
    return packets


def write(path: pathlib.Path, packets: List[Packet]) -> str:
    """Writes a pcap file with times in nanoseconds, as a snap length of 54 octets leaves the frames."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 54, 1))
        for time_ns, frame in packets:
            wire = 14 + struct.unpack_from(">H", frame, 16)[0]
            seconds, nanoseconds = divmod(time_ns, 10**9)
            file.write(struct.pack("<IIII", seconds, nanoseconds, len(frame), wire) + frame)
    return str(path)
