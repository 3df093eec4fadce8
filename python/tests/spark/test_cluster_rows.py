"""Rows on a cluster are those of one machine."""

from __future__ import annotations

import os
import pathlib
import random
import zipfile
from typing import Any, Dict, List

import pyarrow
import pyarrow.compute
import pytest

import tcphs
import tcphs.spark
from cluster import FIRST_NS, alone, captures, load, on_spark, plain, same
from pieces import cut
from tcphs._native import SegmentReader, Sessions
from traffic import connection, packet, write

HERE = pathlib.Path(__file__).resolve()
ROOT = HERE.parents[3]
SHARED = ROOT.parent / "shared" / "captures"
MINUTE, HOUR = 60 * 10**9, 3600 * 10**9


def corpus() -> List[str]:
    folders = [ROOT / "samples", *([SHARED] if SHARED.exists() else [])]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return sorted(map(str, files))


def test_the_whole_corpus_in_pieces(spark: Any, folder: pathlib.Path) -> None:
    pieces = cut(corpus(), folder)
    segments = spark.read.format("tcphs").load(str(folder))
    rows = tcphs.spark.connections(segments).collect()
    keys = [row["conn_key"] for row in rows]
    assert len(keys) == len(set(keys)), "a key names one connection"
    same(plain(rows), alone(captures(pieces)))
    print(f"{len(rows)} connections in {len(pieces)} files")


def test_rotated_files_with_hours_and_nights_in_between(spark: Any, folder: pathlib.Path) -> None:
    paths = []
    for number, hours in enumerate([0, 0.01, 2, 2.5, 14, 15.9, 38]):
        start = FIRST_NS + int(hours * HOUR)
        packets = [it for client in range(5) for it in connection(start + client * 10**6, client)]
        # The same ports again, and an attempt that nobody answers.
        packets.append(packet(start + MINUTE, 77, True, 2, 1000 + number, 0))
        paths.append(write(folder / f"{number}.pcap", sorted(packets)))
    paths.append(write(folder / "9.pcap", [packet(FIRST_NS + 40 * HOUR, 77, True, 2, 9000, 0)]))
    same(on_spark(spark, paths), alone(paths))


def test_two_sensors_at_the_same_time(spark: Any, folder: pathlib.Path) -> None:
    packets = [
        it for client in range(40) for it in connection(FIRST_NS + client * 7 * 10**6, client, 20)
    ]
    halves: List[List[Any]] = [[], []]
    chance = random.Random(1)
    for it in sorted(packets):
        halves[chance.random() < 0.5].append(it)
    paths = [write(folder / f"{at}.pcap", half) for at, half in enumerate(halves)]
    same(on_spark(spark, paths), alone(paths))


def test_half_of_all_segments_on_one_connection(spark: Any, folder: pathlib.Path) -> None:
    packets = connection(FIRST_NS, 1, 30_000)
    packets += [it for client in range(2, 5_000) for it in connection(FIRST_NS + client * 6 * 10**6, client)]
    packets.sort()
    paths = [
        write(folder / f"{at}.pcap", packets[len(packets) * at // 4 : len(packets) * (at + 1) // 4])
        for at in range(4)
    ]
    rows = on_spark(spark, paths)
    same(rows, alone(paths))
    assert sum(rows.values()) == 4_999


def test_damaged_empty_and_other_files(spark: Any, folder: pathlib.Path) -> None:
    whole = write(folder / "a.pcap", connection(FIRST_NS, 1))
    octets = pathlib.Path(whole).read_bytes()
    (folder / "b-cut.pcap").write_bytes(octets[:-30])
    (folder / "c-empty.pcap").write_bytes(b"")
    (folder / "d-no-packets.pcap").write_bytes(octets[:24])
    (folder / "e-notes.txt").write_text("not a capture")
    (folder / "below").mkdir()
    write(folder / "below" / "f.pcap", connection(FIRST_NS + MINUTE, 2))
    segments = spark.read.format("tcphs").load(str(folder))
    files = {os.path.basename(row["file"]): row for row in tcphs.spark.files(segments).collect()}
    notes = {name: row["note"] for name, row in files.items()}
    assert notes["a.pcap"] is None and notes["f.pcap"] is None and notes["d-no-packets.pcap"] is None
    assert notes["b-cut.pcap"] == "the capture is cut short after 5 frames"
    assert files["b-cut.pcap"]["frames"] == 5
    assert notes["c-empty.pcap"] == "not a capture file: it is empty"
    assert notes["e-notes.txt"].startswith("not a pcap or pcapng file")
    good = [str(path) for path in folder.rglob("*.pcap") if path.name != "c-empty.pcap"]
    same(on_spark(spark, [str(folder)]), alone(good))


def test_a_file_that_the_system_cannot_read(spark: Any, folder: pathlib.Path) -> None:
    whole = write(folder / "a.pcap", connection(FIRST_NS, 1))
    missing = str(folder / "gone.pcap")
    with pytest.raises(Exception, match="gone.pcap"):
        load(spark.read.format("tcphs"), [whole, missing]).count()
    segments = load(spark.read.format("tcphs").option("unreadable", "skip"), [whole, missing])
    notes = {row["file"]: row["note"] for row in tcphs.spark.files(segments).collect()}
    assert notes[whole] is None and "No such file" in notes[missing]
    assert tcphs.spark.connections(segments).count() == 1
    with pytest.raises(Exception, match="no file is there"):
        spark.read.format("tcphs").load(str(folder / "*.nothing")).count()


def test_patterns_and_addresses_of_fsspec(spark: Any, folder: pathlib.Path) -> None:
    for client in (1, 2):
        write(folder / f"{client}.pcap", connection(FIRST_NS + client * MINUTE, client))
    assert sum(on_spark(spark, [str(folder / "?.pcap")]).values()) == 2
    packed = folder / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(folder / "1.pcap", "1.pcap")
    address = f"zip://1.pcap::file://{packed}"
    segments = spark.read.format("tcphs").load(address)
    (row,) = tcphs.spark.connections(segments).collect()
    assert (row["outcome"], row["file"]) == ("complete", address)


def test_columns_are_those_of_the_command(spark: Any, folder: pathlib.Path) -> None:
    path = write(folder / "a.pcap", connection(FIRST_NS, 1))
    segments = spark.read.format("tcphs").load(path)
    assert segments.count() == 7, "six segments and the file"
    rows = tcphs.spark.connections(segments, partitions=2)
    assert rows.columns == [*tcphs.connections(path).columns, "conn_key"]
    (row,) = rows.collect()
    assert row["conn_key"] == f"10.0.0.1:40000>192.0.2.1:443#1@{FIRST_NS}"
    assert row["setup_time_ns"] == 3_000_000


def batches(paths: List[str]) -> List[pyarrow.RecordBatch]:
    found = []
    for index, path in enumerate(paths):
        found += pyarrow.RecordBatchReader.from_stream(SegmentReader(path, path, index))
    return found


def followed(table: pyarrow.Table, is_sorted: bool) -> List[Dict[str, Any]]:
    sessions = Sessions(4_000_000, is_sorted)
    rows = [row for batch in table.to_batches(7) for made in sessions.push(batch) for row in made.to_pylist()]
    rows += [row for made in sessions.finish() for row in made.to_pylist()]
    return sorted(rows, key=lambda row: row["conn_key"])


def test_rows_in_no_order_are_sorted_or_refused(folder: pathlib.Path) -> None:
    packets = [it for client in range(9) for it in connection(FIRST_NS + client * 10**6, client)]
    paths = [write(folder / "a.pcap", sorted(packets)[:30]), write(folder / "b.pcap", sorted(packets)[30:])]
    table = pyarrow.Table.from_batches(batches(paths))
    ordered = table.sort_by([(it, "ascending") for it in ("order_ns", "file_index", "number")])
    rows = followed(ordered, True)
    assert len(rows) == 9
    places = list(range(table.num_rows))
    random.Random(1).shuffle(places)
    assert followed(table.take(places), False) == rows
    with pytest.raises(ValueError, match="not in order"):
        followed(ordered.take([0, 1, *reversed(range(2, table.num_rows))]), True)
    other = pyarrow.Table.from_batches(batches([write(folder / "c.pcap", packets[:6])]))
    with pytest.raises(ValueError, match="two readings"):
        followed(pyarrow.concat_tables([table, other]), False)
    packets_alone = ordered.filter(pyarrow.compute.not_equal(ordered["kind"], 2))
    with pytest.raises(ValueError, match="rows of files are missing"):
        followed(packets_alone, True)
    with pytest.raises(ValueError, match="no column"):
        followed(table.drop_columns(["header"]), True)
