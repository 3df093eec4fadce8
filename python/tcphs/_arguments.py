"""What the functions of the package take: captures, and which connections are wanted."""

from __future__ import annotations

import datetime
import os
from typing import Any, BinaryIO, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

from ._native import Request

Capture = Union[str, "os.PathLike[str]", BinaryIO]
"""A file by its name, or one that is open: anything with a method ``read``."""

Captures = Union[Capture, Sequence[Capture]]
Time = Union[str, datetime.datetime, datetime.timedelta]
"""A time as the command takes it, one with a time zone, or the time since the first frame."""

Text = Union[str, Sequence[str]]
Numbers = Union[int, str, Sequence[Union[int, str]]]
Progress = Callable[[int, Optional[int]], object]
"""Called with the octets read so far, and with those of all captures, or None for streams."""


def request(
    kind: str,
    captures: Sequence[Capture],
    *,
    at: Optional[Mapping[str, Captures]] = None,
    failed: bool = False,
    outcome: Text = (),
    host: Text = (),
    port: Union[int, Sequence[int]] = (),
    conn: Numbers = (),
    since: Optional[Time] = None,
    until: Optional[Time] = None,
    threads: Optional[int] = None,
    progress: Optional[Progress] = None,
    by_interface: bool = False,
    handshake: bool = False,
    sort: Optional[str] = None,
    every: Optional[datetime.timedelta] = None,
    path: Text = (),
) -> Request:
    """What the extension module is asked."""
    streams: Dict[str, BinaryIO] = {}
    files = [_name(capture, streams) for capture in captures]
    points: List[Tuple[str, str]] = []
    for name, of_point in (at or {}).items():
        if isinstance(of_point, (list, tuple)):
            points.extend((name, _name(capture, streams)) for capture in of_point)
        else:
            points.append((name, _name(of_point, streams)))  # type: ignore[arg-type]
    if not files and not points:
        raise ValueError("no capture is named")
    return Request(
        kind,
        files,
        points,
        list(streams.items()),
        failed=failed,
        outcome=_texts(outcome),
        host=_texts(host),
        port=[port] if isinstance(port, int) else list(port),
        conn=_texts(conn),
        since=_time(since, "since"),
        until=_time(until, "until"),
        threads=threads,
        progress=progress,
        by_interface=by_interface,
        handshake=handshake,
        sort=sort,
        every_ns=None if every is None else _nanoseconds(every),
        path=_texts(path),
    )


def _name(capture: Capture, streams: Dict[str, BinaryIO]) -> str:
    if isinstance(capture, (str, os.PathLike)):
        return os.fspath(capture)
    if not callable(getattr(capture, "read", None)):
        raise TypeError(f"a capture is a path or an open binary file, not {type(capture).__name__}")
    named: Any = getattr(capture, "name", None)
    name = named if isinstance(named, str) and named else "stream"
    unique, number = name, 2
    while unique in streams:
        unique, number = f"{name} ({number})", number + 1
    streams[unique] = capture
    return unique


def _texts(values: Union[Numbers, Text]) -> List[str]:
    if isinstance(values, (str, int)):
        values = [values]
    return [str(value) for value in values]


def _nanoseconds(span: datetime.timedelta) -> int:
    return (span // datetime.timedelta(microseconds=1)) * 1000


def _time(time: Optional[Time], name: str) -> Optional[str]:
    if isinstance(time, datetime.timedelta):
        return f"+{_nanoseconds(time) // 1_000_000}ms"
    if isinstance(time, datetime.datetime):
        if time.tzinfo is None:
            raise ValueError(f"{name}: a datetime needs a time zone, as in datetime.timezone.utc")
        utc = time.astimezone(datetime.timezone.utc)
        return utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return time
