"""Types: what mypy says of the package, and whether the kinds of rows are those that are written."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Any

import kinds

PYTHON = pathlib.Path(__file__).resolve().parents[1]

USED = """
import datetime
import tcphs
for row in tcphs.connections("a.pcap", since=datetime.timedelta(seconds=1), port=443):
    outcome: str = row.outcome
    setup: datetime.timedelta | None = row.setup_time
    frames: int | None = row.syn_frame
drawn: str = tcphs.ladder("a.pcap", conn=3).svg()
seen: list[tcphs.Seen] = tcphs.Table().observe(b"", time_ns=0)
"""


def mypy(*arguments: str, folder: pathlib.Path = PYTHON) -> str:
    words = [sys.executable, "-m", "mypy", "--no-incremental", *arguments]
    return subprocess.run(words, cwd=folder, capture_output=True, encoding="utf-8").stdout


def test_the_package_is_typed() -> None:
    assert mypy().startswith("Success"), mypy()


def test_programs_that_use_it_are_checked(tmp_path: Any) -> None:
    program = tmp_path / "program.py"
    program.write_text(USED)
    os.environ["MYPYPATH"] = str(PYTHON)
    assert mypy("--strict", str(program), folder=tmp_path).startswith("Success")
    program.write_text(USED.replace("outcome: str", "outcome: int"))
    assert "Incompatible types" in mypy("--strict", str(program), folder=tmp_path)


def test_kinds_of_rows_are_written_down() -> None:
    assert kinds.WRITTEN.read_text() == kinds.text()
