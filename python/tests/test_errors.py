"""What goes wrong: files that cannot be read, questions without an answer, Ctrl-C."""

from __future__ import annotations

import _thread
import datetime
import gzip
import io
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time
import warnings
from typing import Any, List

import pyarrow
import pytest

import tcphs
from common import samples
from tcphs import _warnings


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(FileNotFoundError) as raised:
        tcphs.connections("samples/no-reply.pcapng", "nowhere/missing.pcap").to_arrow()
    assert raised.value.filename == "nowhere/missing.pcap"
    with pytest.raises(FileNotFoundError):
        list(tcphs.connections("missing.pcap"))
    with pytest.raises(FileNotFoundError):
        tcphs.explain("missing.pcap")


def test_a_folder_and_a_file_without_permission_are_os_errors(tmp_path: Any) -> None:
    with pytest.raises(OSError) as raised:
        tcphs.connections(tmp_path).to_arrow()
    assert raised.value.filename == str(tmp_path)


@pytest.mark.parametrize("octets", [b"", b"hello, world, this is text", b"\x1f\x8b\x08"])
def test_what_is_no_capture_is_a_capture_error(octets: bytes, tmp_path: Any) -> None:
    file = tmp_path / "wrong.pcap"
    file.write_bytes(octets)
    with pytest.raises(tcphs.CaptureError) as raised:
        tcphs.connections(file).to_arrow()
    assert raised.value.filename == str(file)
    assert str(file) in str(raised.value)
    # A library that only knows Arrow's errors hands the text on.
    with pytest.raises(Exception, match="wrong.pcap"):
        pyarrow.table(tcphs.connections(file))


def test_a_cut_capture_gives_its_rows_and_a_warning(tmp_path: Any) -> None:
    whole = pathlib.Path("samples/telnet-dns.pcapng").read_bytes()
    file = tmp_path / "cut.pcapng"
    file.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.warns(tcphs.CaptureWarning, match="cut.pcapng: the capture is cut short after"):
        assert tcphs.connections(file).to_arrow().num_rows == 1
    damaged = tmp_path / "damaged.pcap.gz"
    packed = gzip.compress(whole)
    damaged.write_bytes(packed[: len(packed) // 2])
    with pytest.warns(tcphs.CaptureWarning, match="damaged.pcap.gz"):
        tcphs.connections(damaged).to_arrow()


def test_warnings_can_be_errors(tmp_path: Any) -> None:
    whole = pathlib.Path("samples/telnet-dns.pcapng").read_bytes()
    file = tmp_path / "cut.pcapng"
    file.write_bytes(whole[:-40])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(tcphs.CaptureWarning):
            tcphs.connections(file).to_arrow()


def test_a_warning_of_a_thread_without_python_frames_names_the_package() -> None:
    # DuckDB reads Arrow streams in threads of its own.
    told: List[str] = []
    done = threading.Event()

    class Told(Warning):
        def __init__(self, text: str) -> None:
            told.append(text)
            super().__init__(text)

    def shown(*arguments: Any, **_: Any) -> None:
        told.append(arguments[2])
        done.set()

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = shown
        _thread.start_new_thread(_warnings.warn, ("cut short", Told))
        assert done.wait(10)
    assert told == ["cut short", "tcphs"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"outcome": "lost"}, "outcome"),
        ({"host": "example.com"}, "host"),
        ({"conn": "9-5"}, "conn"),
        ({"conn": 77}, "there is no connection 77"),
        ({"since": "yesterday"}, "since"),
        ({"threads": 0}, "threads"),
        ({"since": datetime.datetime(2026, 1, 1)}, "time zone"),
    ],
)
def test_questions_without_an_answer_are_value_errors(arguments: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        tcphs.connections("samples/no-reply.pcapng", **arguments).to_arrow()


@pytest.mark.parametrize("microseconds", [0, 1, 999])
def test_an_interval_has_the_length_that_the_command_wants(microseconds: int) -> None:
    every = datetime.timedelta(microseconds=microseconds)
    with pytest.raises(ValueError, match="every: an interval takes a millisecond at least"):
        tcphs.servers("samples/no-reply.pcapng", every=every).to_arrow()


def test_nothing_to_read() -> None:
    with pytest.raises(ValueError, match="no capture"):
        tcphs.connections()
    with pytest.raises(TypeError, match="path or an open"):
        tcphs.connections(7)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="name another"):
        tcphs.compare(client="samples/no-reply.pcapng").to_arrow()


def test_times_are_those_of_datetime() -> None:
    file = "samples/accept-queue-full.pcapng"
    first = next(iter(tcphs.connections(file))).first
    second = datetime.timedelta(seconds=1)
    assert len(list(tcphs.connections(file, since=first, until=first + 60 * second))) == 3
    later = list(tcphs.connections(file, since=first + datetime.timedelta(microseconds=1000)))
    assert len(later) == len(list(tcphs.connections(file, since=datetime.timedelta(seconds=0.001))))
    assert 0 < len(later) < 3


def test_open_files_are_read_once(no_reply: str) -> None:
    octets = pathlib.Path(no_reply).read_bytes()
    rows = tcphs.connections(io.BytesIO(octets))
    (row,) = rows
    assert (row.outcome, row.file) == ("no_reply", "stream")
    with pytest.raises(ValueError, match="once"):
        list(rows)
    other = gzip.compress(pathlib.Path("samples/refused.pcapng").read_bytes())
    with open(no_reply, "rb") as file, gzip.open(io.BytesIO(other)) as packed:
        rows = tcphs.connections(file, packed)  # type: ignore[arg-type]
        assert {row.file for row in rows} == {no_reply, "stream"}
    with pytest.raises(ValueError, match="twice|once"):
        tcphs.packets(io.BytesIO(octets), failed=True).to_arrow()


class Failing(io.RawIOBase):
    def read(self, size: int = -1) -> bytes:
        raise ConnectionResetError("the store has gone")


def test_an_open_file_that_fails_says_why() -> None:
    with pytest.raises(tcphs.CaptureError, match="the store has gone"):
        list(tcphs.connections(Failing()))  # type: ignore[arg-type]


def large(folder: pathlib.Path) -> str:
    """A capture that takes some seconds to read: many times the same SYN, at growing times."""
    file = folder / "large.pcap"
    header = bytes.fromhex("4d3cb2a1020004000000000000000000ffff000001000000")
    syn = bytes.fromhex(
        "020000000001020000000002080045000028000100004006000000000000000000009c400050"
        "0000000700000000500200000000ffff"
    )
    with open(file, "wb") as out:
        out.write(header)
        for second in range(3000):
            record = second.to_bytes(4, "little") + bytes(4) + 2 * len(syn).to_bytes(4, "little")
            packets = bytearray()
            for number in range(1000):
                packet = bytearray(syn)
                packet[26:34] = (second * 1000 + number).to_bytes(4, "big") + b"\x0a\0\0\1"
                packets += record + packet
            out.write(packets)
    return str(file)


@pytest.fixture(scope="module")
def large_capture(tmp_path_factory: Any) -> str:
    return large(tmp_path_factory.mktemp("large"))


INTERRUPTED = """
import signal, sys, time
import tcphs
def told(read, total):
    if told.first:
        told.first = False
        print("begun", flush=True)
told.first = True
began = time.monotonic()
try:
    {question}
    print("not interrupted")
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize(
    "question",
    [
        "tcphs.connections(sys.argv[1], conn='4000000-', progress=told).to_arrow()",
        "tcphs.packets(sys.argv[1], conn='4000000-', progress=told).to_pandas()",
        "list(tcphs.connections(sys.argv[1], conn='4000000-', progress=told))",
        "tcphs.explain(sys.argv[1], conn=2_999_999, progress=told)",
    ],
)
def test_ctrl_c_stops_within_a_second(question: str, large_capture: str) -> None:
    script = INTERRUPTED.format(question=question)
    child = subprocess.Popen(
        [sys.executable, "-c", script, large_capture], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "begun\n"
    child.send_signal(signal.SIGINT)
    began = time.monotonic()
    said, _ = child.communicate(timeout=60)
    assert (said, child.returncode) == ("interrupted\n", 0)
    assert time.monotonic() - began < 1.0


def test_progress_and_python_goes_on_meanwhile(large_capture: str) -> None:
    told: List[Any] = []
    counted = 0
    reading = threading.Event()
    reading.set()

    def count() -> None:
        nonlocal counted
        while reading.is_set():
            counted += 1
            time.sleep(0)

    counter = threading.Thread(target=count)
    counter.start()
    rows = tcphs.servers(large_capture, progress=lambda *octets: told.append(octets)).to_arrow()
    reading.clear()
    counter.join()
    assert rows.num_rows == 1
    assert [read for read, _ in told] == sorted(read for read, _ in told)
    assert {total for _, total in told} == {os.path.getsize(large_capture)}
    assert counted > 1000


def test_a_progress_that_fails_ends_the_reading(large_capture: str) -> None:
    def fail(read: int, total: Any) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        tcphs.connections(large_capture, progress=fail).to_arrow()


def readers() -> int:
    """The threads of this process that read captures."""
    names = []
    for name in pathlib.Path("/proc/self/task").glob("*/comm"):
        try:
            names.append(name.read_text().strip())
        except OSError:
            continue
    return names.count("tcphs")


def test_a_consumer_that_has_enough_ends_the_reading(large_capture: str) -> None:
    first = next(iter(tcphs.connections(large_capture)))
    assert first.outcome == "no_reply"
    reader = tcphs.packets(large_capture).to_batches()
    assert reader.read_next_batch().num_rows == 1 << 16
    assert readers() > 0
    reader.close()
    del reader
    # The threads that read have nobody to read for.
    end = time.monotonic() + 10
    while readers() and time.monotonic() < end:
        time.sleep(0.05)
    assert readers() == 0


MEMORY = """
import resource, sys
import tcphs
rows = 0
for batch in tcphs.packets(sys.argv[1]).to_batches():
    rows += batch.num_rows
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def test_memory_does_not_grow_with_the_rows(large_capture: str, tmp_path: Any) -> None:
    # The same packets again and again: a table of few connections, and millions of rows.
    with open(large_capture, "rb") as file:
        head = file.read(24 + 70 * 1000)
    most = []
    for times in (100, 1000):
        file = tmp_path / f"{times}.pcap"
        file.write_bytes(head[:24] + head[24:] * times)
        said = subprocess.check_output([sys.executable, "-c", MEMORY, file], text=True)
        rows, octets = map(int, said.split())
        assert rows == times * 1000
        most.append(octets)
    assert most[1] < most[0] * 1.3, most


def test_samples_can_be_read_by_many_threads_at_once() -> None:
    answers: List[int] = []

    def ask() -> None:
        answers.append(tcphs.connections(*samples()).to_arrow().num_rows)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8 and len(set(answers)) == 1


