"""Cuts captures into pieces, so that connections cross files."""

from __future__ import annotations

import gzip
import pathlib
import struct
from typing import List, Optional, Tuple

Cut = Optional[Tuple[bytes, List[bytes]]]
"""What each piece begins with, and the records."""

ORDERS = {
    b"\xd4\xc3\xb2\xa1": "<",
    b"\x4d\x3c\xb2\xa1": "<",
    b"\xa1\xb2\xc3\xd4": ">",
    b"\xa1\xb2\x3c\x4d": ">",
}
SECTION, INTERFACE, PACKETS = 0x0A0D0D0A, 1, (2, 3, 6)


def of_pcap(octets: bytes) -> Cut:
    order = ORDERS.get(octets[:4])
    if order is None:
        return None
    at, records = 24, []
    while at + 16 <= len(octets):
        (length,) = struct.unpack_from(order + "I", octets, at + 8)
        if at + 16 + length > len(octets):
            return None
        records.append(octets[at : at + 16 + length])
        at += 16 + length
    return (octets[:24], records) if at == len(octets) else None


def of_pcapng(octets: bytes) -> Cut:
    """That of one section whose interfaces come first."""
    order = "<" if octets[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
    at, head, records = 0, b"", []
    while at + 12 <= len(octets):
        kind, length = struct.unpack_from(order + "II", octets, at)
        if length < 12 or length % 4 or at + length > len(octets):
            return None
        block = octets[at : at + length]
        at += length
        if kind in PACKETS:
            records.append(block)
        elif kind == SECTION and not head or kind == INTERFACE and not records:
            head += block
        elif kind in (SECTION, INTERFACE):
            return None
    return (head, records) if at == len(octets) else None


def cut(files: List[str], to: pathlib.Path, pieces: int = 3) -> List[str]:
    """Writes each capture in pieces, and anything else as it is. Gives the captures, in order."""
    written = []
    for number, file in enumerate(files):
        octets = pathlib.Path(file).read_bytes()
        if octets[:2] == b"\x1f\x8b":
            try:
                octets = gzip.decompress(octets)
            except (OSError, EOFError):
                pass
        name = f"{number:04}-{pathlib.Path(file).name}"
        found = of_pcapng(octets) if octets[:4] == b"\n\r\r\n" else of_pcap(octets)
        if found is None or len(found[1]) < pieces:
            whole = to / name
            whole.write_bytes(octets)
            written.append(str(whole))
            continue
        head, records = found
        for piece in range(pieces):
            first, last = (len(records) * it // pieces for it in (piece, piece + 1))
            path = to / f"{name}.{piece}"
            path.write_bytes(head + b"".join(records[first:last]))
            written.append(str(path))
    return written
