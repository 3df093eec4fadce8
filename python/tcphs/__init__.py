"""Which TCP connections of a capture came up, which failed, and why.

>>> import tcphs
>>> rows = tcphs.connections("samples/accept-queue-full.pcapng")
>>> [(row.server_port, row.outcome) for row in rows]
[(7000, 'complete'), (7000, 'complete'), (7000, 'no_reply')]

Rows are Arrow streams: pandas, Polars, DuckDB and PyArrow read them without a copy of their own.
Their columns are those of ``tcphs connections --format parquet``; docs/FIELDS.md says what each means.
"""

from __future__ import annotations

from ._native import CaptureError, CaptureWarning, Seen, __version__
from ._kinds import Connection, Joined, Packet, Server
from ._questions import compare, connections, packets, servers
from ._rows import Rows
from ._table import Table
from ._texts import Explanation, Ladder, explain, ladder

__all__ = [
    "CaptureError",
    "CaptureWarning",
    "Connection",
    "Explanation",
    "Joined",
    "Ladder",
    "Packet",
    "Rows",
    "Seen",
    "Server",
    "Table",
    "__version__",
    "compare",
    "connections",
    "explain",
    "ladder",
    "packets",
    "servers",
]
