"""Connections of a live source."""

from __future__ import annotations

from typing import List, Optional, Union

from . import _native
from ._kinds import Connection


class Table:
    """A table of connections that is fed frame by frame, from any source.

    >>> import tcphs
    >>> table = tcphs.Table()
    >>> syn = bytes.fromhex(
    ...     "020000000001 020000000002 0800 45000028000100004006 0000 0a000001 0a000002"
    ...     "9c40 0050 00000007 00000000 5002 ffff 0000 0000")
    >>> seen = table.observe(syn, link_type="ethernet", time_ns=0)
    >>> seen[0].stage, seen[0].client_state, seen[0].server_state
    ('SYN', 'SYN-SENT', 'SYN-RECEIVED')
    >>> seen[0].server_state_proven
    False
    >>> table.tell_time(3_600_000_000_000)
    >>> [(connection.outcome, connection.packets) for connection in table.closed()]
    [('no_reply', 1)]

    A finished connection leaves the table after two minutes of silence, by the times of the frames.
    """

    def __init__(self, limit: int = 4_000_000) -> None:
        self._table = _native.Table(limit)

    def observe(
        self,
        frame: bytes,
        *,
        time_ns: int,
        link_type: Union[str, int] = "ethernet",
        wire_octets: Optional[int] = None,
    ) -> List[_native.Seen]:
        """Takes in a frame that was captured ``time_ns`` nanoseconds after 1970 UTC.

        Gives what each of its segments and ICMP errors was: nearly always one or none. ``link_type`` is a
        name or number of the registry of pcap (https://www.tcpdump.org/linktypes.html); ``wire_octets``
        is the length that was sent, if the frame was cut.
        """
        return self._table.observe(frame, str(link_type), time_ns, wire_octets)

    def tell_time(self, time_ns: int) -> None:
        """Turns the clock on while no frame comes, so that connections are judged and closed.

        A time that is more than an hour ahead waits for the next one, like that of a frame.
        """
        self._table.tell_time(time_ns)

    def closed(self) -> List[Connection]:
        """Takes out the connections that nothing more belongs to. The last 50,000 are kept until then."""
        return [Connection(row) for row in self._table.take_closed()]

    def open(self) -> List[Connection]:
        """The connections that are still followed, as they stand now."""
        return [Connection(row) for row in self._table.open()]

    def __len__(self) -> int:
        return len(self._table)
