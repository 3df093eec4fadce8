"""What the tests on a cluster have in common."""

from __future__ import annotations

import json
from typing import Any, Counter, Iterable, List

import tcphs
import tcphs.spark

FIRST_NS = 1_700_000_000_000_000_000


def is_sail() -> bool:
    try:
        import pysail  # noqa: F401
    except ImportError:
        return False
    return True


def plain(rows: Iterable[Any]) -> Counter[str]:
    """The rows without the numbers that count within a partition."""
    counted: Counter[str] = Counter()
    for row in rows:
        values = row.to_dict() if hasattr(row, "to_dict") else row.asDict()
        values = {name: it for name, it in values.items() if name not in ("conn", "conn_key")}
        counted[repr(sorted(values.items()))] += 1
    return counted


def load(reader: Any, paths: List[str]) -> Any:
    """The segments of these captures. Sail hands over one name alone."""
    return reader.option("paths", json.dumps(paths)).load() if is_sail() else reader.load(paths)


def on_spark(session: Any, paths: List[str], **options: Any) -> Counter[str]:
    segments = load(session.read.format("tcphs"), paths)
    return plain(tcphs.spark.connections(segments, **options).collect())


def alone(paths: List[str]) -> Counter[str]:
    """The rows of one machine."""
    return plain(tcphs.connections(*sorted(paths)))


def same(one: Counter[str], other: Counter[str]) -> None:
    """Both have the same rows; otherwise the first differences are told."""
    differences = [*list((one - other).items())[:3], "but", *list((other - one).items())[:3]]
    assert one == other, differences


def captures(paths: List[str]) -> List[str]:
    """Those that can be read."""
    read = []
    for path in paths:
        try:
            next(iter(tcphs.connections(path)), None)
        except (OSError, tcphs.CaptureError):
            continue
        read.append(path)
    return read
