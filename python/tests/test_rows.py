"""The rows are those of the command, on every capture at hand."""

from __future__ import annotations

import re
import warnings
from typing import Any, Dict, List, Tuple

import numpy
import pyarrow
import pyarrow.parquet
import pytest

import tcphs
from common import corpus, run, samples

KINDS = {
    "connections": (tcphs.connections, {}, []),
    "packets": (tcphs.packets, {}, []),
    "servers": (tcphs.servers, {}, []),
}


def of_command(kind: str, files: List[str], options: List[str], to: Any) -> Tuple[Any, List[str]]:
    """The table of the command, and what it says beside it."""
    arguments = [kind, *options, "--format", "parquet", "--output", to, "--", *files]
    done = run(*arguments)
    lines = [line.removeprefix("tcphs: ") for line in done.stderr.splitlines()]
    # Of a file that cannot be opened, there is a beginning of an output, if any.
    whole = to.exists() and to.stat().st_size > len("PAR1PAR1")
    return pyarrow.parquet.read_table(to) if whole else None, lines


def of_package(ask: Any, files: List[str], options: Dict[str, Any]) -> Tuple[Any, List[str]]:
    """The same of the package: warnings, and at last the error."""
    said: List[str] = []
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        rows = ask(*files, **options)
        batches = []
        try:
            stream = rows.to_batches()
            for batch in stream:
                batches.append(batch)
        except (OSError, ValueError, tcphs.CaptureError) as error:
            said.append(str(error))
    said[:0] = [str(it.message) for it in heard if issubclass(it.category, tcphs.CaptureWarning)]
    return pyarrow.Table.from_batches(batches, stream.schema), said


def values(table: Any) -> Any:
    """The same table without dictionaries: a file in Parquet keeps only the labels that occur."""
    of = [it.with_type(getattr(it.type, "value_type", it.type)) if pyarrow.types.is_dictionary(it.type) else it
          for it in table.schema]
    return table.cast(pyarrow.schema(of)).replace_schema_metadata()


def plain(line: str) -> str:
    """A message without how options are written."""
    return re.sub(r"--?|=", "", line)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_types_and_warnings_are_those_of_the_command(kind: str, tmp_path: Any) -> None:
    ask, options, words = KINDS[kind]
    compared = 0
    for number, file in enumerate(corpus()):
        theirs, their_words = of_command(kind, [file], words, tmp_path / f"{number}.parquet")
        ours, our_words = of_package(ask, [file], options)
        if theirs is not None and (theirs.num_rows or ours.num_rows):
            assert ours.schema == theirs.schema.remove_metadata(), file
            assert values(ours).equals(values(theirs)), file
            compared += 1
        if not any("not a" in word or "needs" in word for word in their_words):
            assert [plain(it) for it in our_words] == [plain(it) for it in their_words], file
    assert compared > len(samples()) // 2
    print(f"{compared} captures with rows of {kind}")


def test_all_captures_as_one_stream(tmp_path: Any) -> None:
    files = samples()
    theirs, _ = of_command("connections", files, [], tmp_path / "all.parquet")
    ours, _ = of_package(tcphs.connections, files, {})
    assert values(ours).equals(values(theirs))
    alone, _ = of_package(tcphs.connections, files, {"threads": 1})
    assert alone.sort_by("conn").equals(ours.sort_by("conn"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"failed": True}, ["--failed"]),
        ({"outcome": ["no_reply", "refused"]}, ["--outcome", "no_reply", "--outcome", "refused"]),
        ({"host": "198.51.100.0/24"}, ["--host", "198.51.100.0/24"]),
        ({"port": [53, 7000]}, ["--port", "53", "--port", "7000"]),
        ({"conn": [0, "2-5"]}, ["--conn", "0,2-5"]),
        ({"since": "2026-11-23T01:55:00Z"}, ["--since", "2026-11-23T01:55:00Z"]),
    ],
)
def test_connections_are_chosen_as_by_the_command(
    options: Dict[str, Any], words: List[str], tmp_path: Any
) -> None:
    files = samples()
    for kind, (ask, _, _) in KINDS.items():
        theirs, _ = of_command(kind, files, words, tmp_path / f"{kind}.parquet")
        ours, _ = of_package(ask, files, options)
        assert values(ours).equals(values(theirs)), kind
        assert 0 < ours.num_rows, kind


def test_points_are_compared_as_by_the_command(tmp_path: Any) -> None:
    clients = [file for file in samples() if file.endswith(".client.pcapng")]
    assert clients
    for number, client in enumerate(clients):
        server = client.replace(".client.", ".server.")
        points = ["--at", f"client={client}", "--at", f"server={server}"]
        to = tmp_path / f"{number}.parquet"
        run("compare", *points, "--format", "parquet", "--output", to, check=True)
        theirs = pyarrow.parquet.read_table(to)
        ours = tcphs.compare(client=client, server=[server]).to_arrow()
        assert values(ours).equals(values(theirs)), client
        assert tcphs.compare(client, server).to_arrow().num_rows == ours.num_rows


def test_servers_by_interval_and_order(tmp_path: Any) -> None:
    import datetime

    files = samples()
    words = ["--every", "1m", "--sort", "rate"]
    theirs, _ = of_command("servers", files, words, tmp_path / "servers.parquet")
    minute = datetime.timedelta(minutes=1)
    ours, _ = of_package(tcphs.servers, files, {"every": minute, "sort": "rate"})
    assert values(ours).equals(values(theirs))


def test_objects_have_the_values_of_the_rows() -> None:
    for ask in (tcphs.connections, tcphs.packets, tcphs.servers):
        rows = ask(*samples())
        table = rows.to_arrow()
        plain = table.cast(pyarrow.schema([(it.name, simple(it.type)) for it in table.schema]))
        assert [row.to_dict() for row in rows] == plain.to_pylist()


def simple(kind: pyarrow.DataType) -> pyarrow.DataType:
    if pyarrow.types.is_dictionary(kind):
        return kind.value_type
    temporal = pyarrow.types.is_timestamp(kind) or pyarrow.types.is_duration(kind)
    return pyarrow.int64() if temporal else kind


def test_a_frame_of_pandas_has_the_values_of_pyarrow() -> None:
    rows = tcphs.connections(*samples())
    frame, plain = rows.to_pandas(), rows.to_arrow().to_pandas()
    assert list(frame) == list(plain)
    assert (frame.dtypes == plain.dtypes).all()
    for name in frame:
        for value, other in zip(frame[name], plain[name]):
            assert type(value) is type(other)
            equal = (value == other) | (value != value)
            assert numpy.all(equal) and numpy.shape(value) == numpy.shape(other), name
    # Rows with the same labels have the same array, which no row can change for the others.
    arrays = {tuple(value): id(value) for value in frame["anomalies"]}
    assert len(arrays) > 5
    assert all(id(value) == arrays[tuple(value)] for value in frame["anomalies"])
    with pytest.raises(ValueError, match="read-only"):
        frame["anomalies"][0][:] = "?"
    # With options, the frame is that of PyArrow.
    assert rows.to_pandas(strings_to_categorical=True)["client_addr"].dtype == "category"
    assert tcphs.connections("samples/telnet-dns.pcapng", port=1).to_pandas().empty


def test_consumers_of_arrow_agree() -> None:
    import duckdb
    import polars

    rows = tcphs.connections(*samples())
    table = rows.to_arrow()
    assert rows.to_pandas()["conn"].tolist() == table["conn"].to_pylist()
    assert rows.to_polars()["outcome"].to_list() == table["outcome"].to_pylist()
    assert pyarrow.table(rows).equals(table)
    assert polars.DataFrame(rows).height == table.num_rows
    counted = duckdb.sql("select count(*) from rows").fetchall()
    assert counted == [(table.num_rows,)]


def test_every_batch_has_the_same_dictionaries() -> None:
    rows = tcphs.packets(*samples())
    labels = {
        tuple(batch.column("stage").dictionary.to_pylist()) for batch in rows.to_batches()
    }
    assert len(labels) == 1
