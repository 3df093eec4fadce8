"""The functions that give rows."""

from __future__ import annotations

import datetime
from typing import Optional

from ._arguments import Addresses, Capture, Captures, Numbers, Progress, Text, Time, request
from ._kinds import Connection, Joined, Packet, Server
from ._rows import Rows


def connections(
    *captures: Capture,
    failed: bool = False,
    outcome: Text = (),
    host: Addresses = (),
    port: Numbers = (),
    conn: Numbers = (),
    since: Optional[Time] = None,
    until: Optional[Time] = None,
    threads: Optional[int] = None,
    progress: Optional[Progress] = None,
) -> Rows[Connection]:
    """One row a connection: did it come up, and if not, why.

    ``captures`` are pcap or pcapng files, also compressed with gzip or zstd, or open binary files; several
    are read as one stream in order of time. The other arguments choose connections, as the options of the
    command do: those that ``failed``; with one of these outcomes; with one of these addresses or networks
    (``"10.0.0.0/8"``) or ports at either end; with one of these numbers (``3``, ``"5-9"``); whose first
    segment was captured ``since`` a time and not ``until`` another.

    ``threads`` has no influence on the rows. ``progress`` is called while the captures are read.

    >>> import tcphs
    >>> rows = tcphs.connections("samples/accept-queue-full.pcapng", failed=True)
    >>> [(row.conn, row.outcome, row.syn_count) for row in rows]
    [(2, 'no_reply', 4)]
    """
    asked = request(
        "connections",
        captures,
        failed=failed,
        outcome=outcome,
        host=host,
        port=port,
        conn=conn,
        since=since,
        until=until,
        threads=threads,
        progress=progress,
    )
    return Rows("connections", Connection, asked)


def packets(
    *captures: Capture,
    handshake: bool = False,
    failed: bool = False,
    outcome: Text = (),
    host: Addresses = (),
    port: Numbers = (),
    conn: Numbers = (),
    since: Optional[Time] = None,
    until: Optional[Time] = None,
    progress: Optional[Progress] = None,
) -> Rows[Packet]:
    """One row a TCP segment: its stage, its flags, the states of both ends.

    With ``handshake``, only the steps of handshakes and closes, and RSTs. The other arguments are those of
    :func:`connections`; with ``failed`` or ``outcome``, captures are read twice.

    >>> import tcphs
    >>> rows = tcphs.packets("samples/telnet-dns.pcapng", handshake=True)
    >>> [row.stage for row in rows][:3]
    ['SYN', 'SYN/ACK', 'ACK']
    """
    asked = request(
        "packets",
        captures,
        handshake=handshake,
        failed=failed,
        outcome=outcome,
        host=host,
        port=port,
        conn=conn,
        since=since,
        until=until,
        progress=progress,
    )
    return Rows("segments", Packet, asked)


def servers(
    *captures: Capture,
    sort: str = "attempts",
    every: Optional[datetime.timedelta] = None,
    failed: bool = False,
    outcome: Text = (),
    host: Addresses = (),
    port: Numbers = (),
    conn: Numbers = (),
    since: Optional[Time] = None,
    until: Optional[Time] = None,
    threads: Optional[int] = None,
    progress: Optional[Progress] = None,
) -> Rows[Server]:
    """One row a server: how many attempts it had, and what became of them.

    With ``every``, one row for each server and interval of this length in which a connection began. They
    are sorted by ``attempts``, ``failed``, ``rate``, ``rtt``, ``setup`` or ``address``. The other arguments
    are those of :func:`connections`.

    >>> import tcphs
    >>> [(row.server_port, row.attempts, row.no_reply) for row in
    ...  tcphs.servers("samples/accept-queue-full.pcapng")]
    [(7000, 3, 1)]
    """
    asked = request(
        "servers",
        captures,
        sort=sort,
        every=every,
        failed=failed,
        outcome=outcome,
        host=host,
        port=port,
        conn=conn,
        since=since,
        until=until,
        threads=threads,
        progress=progress,
    )
    return Rows("servers", Server, asked)


def compare(
    *captures: Capture,
    by_interface: bool = False,
    path: Text = (),
    failed: bool = False,
    outcome: Text = (),
    host: Addresses = (),
    port: Numbers = (),
    conn: Numbers = (),
    since: Optional[Time] = None,
    until: Optional[Time] = None,
    progress: Optional[Progress] = None,
    **points: Captures,
) -> Rows[Joined]:
    """One row a connection between two points of capture: what was lost, changed or answered in between.

    The points are two captures, the client's side first; or named ones, as in ``client="a.pcap",
    server="b.pcap"``, each with one capture or a list of them; or, with ``by_interface``, the interfaces
    of the captures. ``path`` chooses by what happened in between, such as ``"syn_lost"``.

    >>> import tcphs
    >>> rows = tcphs.compare(
    ...     client="samples/pairs/syn-lost.client.pcapng", server="samples/pairs/syn-lost.server.pcapng")
    >>> [(row.conn, row.path, row.lost_to_server) for row in rows][1]
    (1, 'syn_lost', 3)
    """
    for name, point in points.items():
        if isinstance(point, (bool, int, float)) or point is None:
            raise TypeError(f"compare() has no argument {name!r}, and that is no capture of a point")
    asked = request(
        "compare",
        captures,
        at=points,
        by_interface=by_interface,
        path=path,
        failed=failed,
        outcome=outcome,
        host=host,
        port=port,
        conn=conn,
        since=since,
        until=until,
        progress=progress,
    )
    return Rows("connections between points", Joined, asked)
