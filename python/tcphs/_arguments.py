"""What the functions of the package take: captures, and which connections are wanted."""

from __future__ import annotations

import datetime
import io
import ipaddress
import operator
import os
from typing import Any, BinaryIO, Callable, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

from ._native import Request

Capture = Union[str, "os.PathLike[str]", BinaryIO]
"""A file by its name, or one that is open: anything with a method ``read``."""

Captures = Union[Capture, Sequence[Capture]]
Time = Union[str, datetime.datetime, datetime.timedelta]
"""A time as the command takes it, one with a time zone, or the time since the first frame."""

Text = Union[str, Sequence[str]]
Address = Union[
    str, ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network, ipaddress.IPv6Network
]
Addresses = Union[Address, Sequence[Address]]
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
    host: Addresses = (),
    port: Numbers = (),
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
    if threads is not None:
        threads = operator.index(threads)
        if threads < 1:
            raise ValueError("threads: at least 1")
    files = [_name(capture, streams) for capture in captures]
    points: List[Tuple[str, str]] = []
    for name, of_point in (at or {}).items():
        for capture in of_point if isinstance(of_point, (list, tuple)) else (of_point,):
            points.append((name, _name(capture, streams)))
    if not files and not points:
        raise ValueError("no capture is named")
    if streams and kind == "text":
        raise TypeError("this reads a capture several times: name the file in place of opening it")
    return Request(
        kind,
        files,
        points,
        list(streams.items()),
        failed=failed,
        outcome=_texts(outcome),
        host=_texts(host),
        port=[_port(text) for text in _texts(port)],
        conn=_texts(conn),
        since=_time(since, "since"),
        until=_time(until, "until"),
        threads=threads,
        progress=progress,
        by_interface=by_interface,
        handshake=handshake,
        sort=sort,
        every_ns=None if every is None else _nanoseconds(every, "every"),
        path=_texts(path),
    )


def _name(capture: object, streams: Dict[str, BinaryIO]) -> str:
    if isinstance(capture, (str, os.PathLike)):
        return os.fspath(capture)
    if isinstance(capture, (list, tuple)):
        raise TypeError("each capture is an argument of its own: put * in front of the list")
    if isinstance(capture, io.TextIOBase):
        raise TypeError("a capture is binary: open it with mode 'rb'")
    if not callable(getattr(capture, "read", None)):
        raise TypeError(f"a capture is a path or an open binary file, not {type(capture).__name__}")
    file: Any = capture
    named: Any = getattr(capture, "name", None)
    name = named if isinstance(named, str) and named else "stream"
    unique, number = name, 2
    while unique in streams:
        unique, number = f"{name} ({number})", number + 1
    streams[unique] = file
    return unique


def _texts(values: object) -> List[str]:
    """The values as texts, whether there is one or are several."""
    several = isinstance(values, Iterable) and not isinstance(values, (str, *_NETWORKS))
    each: Any = values if several else [values]
    return [value if isinstance(value, str) else _text(value) for value in each]


_NETWORKS = (ipaddress.IPv4Network, ipaddress.IPv6Network)


def _text(value: Any) -> str:
    # Numbers of NumPy, too.
    return str(operator.index(value)) if hasattr(value, "__index__") else str(value)


def _port(text: str) -> int:
    if not text.strip().isdigit() or int(text) > 65535:
        raise ValueError(f"port={text!r}: a port is a number from 0 to 65535")
    return int(text)


def _nanoseconds(span: object, name: str) -> int:
    if not isinstance(span, datetime.timedelta):
        raise TypeError(f"{name}: a datetime.timedelta, not {type(span).__name__}")
    if span < datetime.timedelta(0):
        raise ValueError(f"{name}: a length of time is not negative")
    # That of pandas has them.
    further: int = getattr(span, "nanoseconds", 0)
    return (span // datetime.timedelta(microseconds=1)) * 1000 + further


def _time(time: object, name: str) -> Optional[str]:
    if time is None or isinstance(time, str):
        return time
    if isinstance(time, datetime.timedelta):
        span = _nanoseconds(time, name)
        return f"+{span // 1_000_000_000}.{span % 1_000_000_000:09}s"
    if not isinstance(time, datetime.datetime):
        kind = type(time).__name__
        raise TypeError(f"{name}: a text, a datetime or a timedelta, not {kind}")
    if time.tzinfo is None:
        raise ValueError(f"{name}: a datetime needs a time zone, as in datetime.timezone.utc")
    # A Timestamp of pandas has nanoseconds.
    further: int = getattr(time, "nanosecond", 0)
    utc = time.astimezone(datetime.timezone.utc)
    return f"{utc:%Y-%m-%dT%H:%M:%S.%f}{further:03}Z"
