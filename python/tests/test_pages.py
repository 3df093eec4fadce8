"""The pages for Python users: their code runs, and gives the outputs that stand there."""

from __future__ import annotations

import datetime
import doctest
import os
import pathlib
import re
import struct
import subprocess
import sys
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple

import duckdb
import polars
import pytest

from common import ROOT, command, run

PAGE = ROOT / "docs" / "PYTHON.md"
QUESTIONS = "Parquet: the same questions in SQL"


class Block(NamedTuple):
    """A block of code, and the output that follows it."""

    heading: str
    line: int
    language: str
    text: str
    output: Optional[str]


def blocks(page: pathlib.Path = PAGE) -> List[Block]:
    """The blocks of a page."""
    found: List[Block] = []
    heading, language, begun = "", None, 0
    text: List[str] = []
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if not line.startswith("```"):
            if language is not None:
                text.append(line + "\n")
            elif re.match("#+ ", line):
                heading = line.lstrip("# ")
        elif language is None:
            language, begun, text = line[3:], number, []
        else:
            if language == "text":
                assert found[-1].output is None, f"line {begun}: the output of what?"
                found[-1] = found[-1]._replace(output="".join(text))
            else:
                found.append(Block(heading, begun, language, "".join(text), None))
            language = None
    return found


def trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


class Checker(doctest.OutputChecker):
    """Does not mind the empty line below a table."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return super().check_output(trimmed(want), trimmed(got), optionflags)


class Reader:
    """Somebody who types in what the page says."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.names: Dict[str, Any] = {"__name__": "__main__"}
        self.answers: Dict[Tuple[str, str], polars.DataFrame] = {}
        (folder / "samples").symlink_to(ROOT / "samples")
        programs = folder / "bin"
        programs.mkdir()
        (programs / "tcphs").symlink_to(pathlib.Path(command()).resolve())
        python = programs / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)
        self.environment = dict(os.environ, PATH=f"{programs}{os.pathsep}{os.environ['PATH']}")

    def run(self, block: Block, capsys: Any) -> None:
        """Runs a block, and compares its output."""
        capsys.readouterr()
        if block.language == "python":
            self._python(block)
        elif block.language == "sql":
            self._sql(block)
        else:
            words = ["sh", "-euc", block.text]
            print(subprocess.check_output(words, env=self.environment, encoding="utf-8"))
        printed = capsys.readouterr().out
        if block.output is not None:
            shown, real = trimmed(block.output), trimmed(printed)
            if shown.endswith("\n…"):
                shown = shown[: -len("…")]
                real = real[: len(shown)]
            assert real == shown, f"line {block.line}"

    def _python(self, block: Block) -> None:
        if ">>>" in block.text:
            parsed = doctest.DocTestParser().get_doctest(
                block.text, self.names, f"line {block.line}", str(PAGE), block.line
            )
            told: List[str] = []
            runner = doctest.DocTestRunner(Checker())
            runner.run(parsed, out=told.append, clear_globs=False)
            assert not runner.failures, "".join(told)
            self.names.update(parsed.globs)
            return
        self.names.pop("answer", None)
        exec(compile(block.text, f"{PAGE.name}, line {block.line}", "exec"), self.names)
        if "answer" in self.names:
            self.answers[block.heading, "polars"] = self.names["answer"]

    def _sql(self, block: Block) -> None:
        answer = duckdb.sql(block.text)
        assert answer is not None
        self.answers[block.heading, "sql"] = answer.pl()
        if block.output is not None:
            answer.show(max_width=80)


@pytest.fixture
def reader(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    # DuckDB takes over the zone of the machine.
    duckdb.sql("SET TimeZone = 'Asia/Seoul'")
    yield Reader(tmp_path)
    duckdb.sql("RESET TimeZone")


def is_run(block: Block) -> bool:
    """Commands are run if they are about the recorded captures."""
    return block.language in ("python", "sql") or "samples/" in block.text


def test_the_page_in_order(reader: Reader, capsys: Any) -> None:
    every = blocks()
    assert {block.language for block in every} == {"python", "sql", "sh"}
    for block in every:
        if is_run(block):
            reader.run(block, capsys)
    compare_answers(reader)
    rows = {heading: it.height for (heading, _), it in reader.answers.items()}
    assert len(rows) == 5
    # The recorded captures have no scan.
    assert [heading for heading, count in rows.items() if not count] == ["Who scans?"]


def test_the_readme(reader: Reader, capsys: Any) -> None:
    ran = [block for block in blocks(ROOT / "python" / "README.md") if is_run(block)]
    assert len(ran) == 1 and ran[0].output is not None
    reader.run(ran[0], capsys)


def test_a_scan_is_found(reader: Reader, capsys: Any) -> None:
    scan = reader.folder / "scan.pcap"
    scan.write_bytes(scan_of_ports(20))
    made = reader.folder / "rows"
    made.mkdir()
    run("connections", "--format", "parquet", "--output", made / "scan.parquet", scan, check=True)
    for block in blocks():
        is_preparation = block.language == "python" and block.heading == QUESTIONS
        if is_preparation or block.heading == "Who scans?":
            reader.run(block, capsys)
    compare_answers(reader)
    (found,) = reader.answers["Who scans?", "sql"].rows(named=True)
    assert found == {
        "client_addr": "192.0.2.66",
        "attempts": 20,
        "hosts": 1,
        "ports": 20,
        "came_up": 0,
    }


def compare_answers(reader: Reader) -> None:
    """SQL and Polars give the same rows, in the same order."""
    headings = {heading for heading, _ in reader.answers}
    for heading in headings:
        of_sql, of_polars = (reader.answers[heading, of] for of in ("sql", "polars"))
        assert of_sql.columns == of_polars.columns, heading
        assert plain(of_sql) == plain(of_polars), heading


def plain(frame: polars.DataFrame) -> List[Tuple[Any, ...]]:
    """The rows as values of Python, times as those of UTC."""

    def value(it: Any) -> Any:
        if isinstance(it, datetime.datetime):
            return it.replace(tzinfo=None)
        return it

    return [tuple(map(value, row)) for row in frame.rows()]


def scan_of_ports(ports: int) -> bytes:
    """A capture of a client that asks one port after the other, one a second, and is refused by all."""
    client, server = bytes([192, 0, 2, 66]), bytes([198, 51, 100, 2])
    packets = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
    for port in range(1, ports + 1):
        for answer in (False, True):
            addresses = server + client if answer else client + server
            ends = (port, 40000) if answer else (40000, port)
            number, acknowledged, flags = (0, 8, 0x14) if answer else (7, 0, 0x02)
            segment = struct.pack(">HHIIBBHHH", *ends, number, acknowledged, 0x50, flags, 1024, 0, 0)
            header = struct.pack(">BBHHHBBH", 0x45, 0, 40, port, 0, 64, 6, 0)
            packet = header + addresses + segment
            time = struct.pack("<II", 1_800_000_000 + port, 100 * answer)
            packets.append(time + struct.pack("<II", len(packet), len(packet)) + packet)
    return b"".join(packets)


def test_the_bar_of_progress_moves(reader: Reader, capsys: Any) -> None:
    for block in blocks():
        if block.heading == "Progress" or "import tcphs" in block.text.splitlines()[0]:
            reader.run(block, capsys)
    # So many packets take more than the twentieth of a second after which it is told.
    (reader.folder / "many.pcap").write_bytes(scan_of_ports(60_000))
    capsys.readouterr()
    assert len(reader.names["read"]("many.pcap")) > 0
    shown = capsys.readouterr().err
    read = [int(percent) for percent in re.findall(r"(\d+)%\|", shown)]
    assert read and max(read) > 0, shown
