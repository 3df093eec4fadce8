"""Ladders and explanations, which a notebook shows by itself."""

from __future__ import annotations

import json
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence

from . import _native
from ._arguments import Addresses, Capture, Captures, Numbers, Progress, Text, Time, request


class _Texts:
    """An answer in words or as a drawing, in forms that are made when they are asked for."""

    def __init__(self, make: Callable[[_native.Request, str, int], str], request: _native.Request, max: int) -> None:
        self._make = make
        self._request = request
        # A capture that cannot be read raises now, not when a notebook shows the answer.
        self._made = {"text": make(request, "text", max)}

    def _as(self, form: str, max: int) -> str:
        if form not in self._made:
            self._made[form] = self._make(self._request, form, max)
        return self._made[form]

    def text(self) -> str:
        """As the command writes it where there is no terminal."""
        return self._made["text"]

    def __str__(self) -> str:
        return self.text().rstrip("\n")

    def __repr__(self) -> str:
        return f"<tcphs.{type(self).__name__} of {_title(self.text())}>"


class Ladder(_Texts):
    """The diagram of a connection: who sent what when, and the states it led to.

    A notebook shows the picture; ``print`` shows the text.
    """

    def __init__(self, request: _native.Request, max: int) -> None:
        super().__init__(_native.ladder, request, max)

    def svg(self) -> str:
        """A picture."""
        return self._as("svg", 1)

    def mermaid(self) -> str:
        """A sequence diagram for Markdown."""
        return self._as("mermaid", 1)

    def _repr_svg_(self) -> str:
        return self.svg()


class Explanation(_Texts):
    """What happened to a connection, what it means, and what to check next.

    A notebook shows it; ``print`` shows the text.
    """

    def __init__(self, request: _native.Request, max: int) -> None:
        super().__init__(_native.explain, request, max)
        self._max = max

    def markdown(self) -> str:
        """For a ticket, with the ladder as a Mermaid diagram."""
        return self._as("markdown", self._max)

    def to_dicts(self) -> List[Dict[str, Any]]:
        """For programs: a dictionary a connection, as ``--format json`` has it."""
        explanations: List[Dict[str, Any]] = json.loads(self._as("json", self._max))
        return explanations

    def _repr_markdown_(self) -> str:
        return self.markdown()


def _title(text: str) -> str:
    """The first paragraph in one line."""
    lines = text.split("\n\n", 1)[0].splitlines()
    underlined = [line for line in lines if set(line) != {"="}]
    return " ".join(line.strip() for line in underlined) if len(underlined) < 4 else lines[0]


def ladder(
    *captures: Capture,
    conn: Numbers = (),
    at: Optional[Mapping[str, Captures]] = None,
    failed: bool = False,
    outcome: Text = (),
    host: Addresses = (),
    port: Numbers = (),
    since: Optional[Time] = None,
    until: Optional[Time] = None,
    max: int = 1,
    progress: Optional[Progress] = None,
) -> Ladder:
    """Draws the first connection that is asked for, or up to ``max`` of them as text.

    With ``at``, names of points with a capture of each, it shows what happened between the points.

    >>> import tcphs
    >>> print(tcphs.ladder("samples/no-reply.pcapng", conn=0).text().splitlines()[-1])
    no_reply: Nothing acceptable came back.
    """
    _check(max)
    return Ladder(
        _asked(captures, conn, at, failed, outcome, host, port, since, until, progress), max
    )


def explain(
    *captures: Capture,
    conn: Numbers = (),
    at: Optional[Mapping[str, Captures]] = None,
    failed: bool = False,
    outcome: Text = (),
    host: Addresses = (),
    port: Numbers = (),
    since: Optional[Time] = None,
    until: Optional[Time] = None,
    max: int = 1,
    progress: Optional[Progress] = None,
) -> Explanation:
    """Explains the first connection that is asked for, or up to ``max`` of them.

    >>> import tcphs
    >>> tcphs.explain("samples/no-reply.pcapng", conn=0).to_dicts()[0]["outcome"]
    'no_reply'
    """
    _check(max)
    return Explanation(
        _asked(captures, conn, at, failed, outcome, host, port, since, until, progress), max
    )


def _check(max: int) -> None:
    if max < 1:
        raise ValueError("max: at least 1")


def _asked(
    captures: Sequence[Capture],
    conn: Numbers,
    at: Optional[Mapping[str, Captures]],
    failed: bool,
    outcome: Text,
    host: Addresses,
    port: Numbers,
    since: Optional[Time],
    until: Optional[Time],
    progress: Optional[Progress],
) -> _native.Request:
    return request(
        "text",
        captures,
        at=at,
        failed=failed,
        outcome=outcome,
        host=host,
        port=port,
        conn=conn,
        since=since,
        until=until,
        progress=progress,
    )
