"""Captures that outgrow one machine: connections across many files, on Spark.

    import tcphs.spark

    tcphs.spark.register(spark)
    segments = spark.read.format("tcphs").load("/captures/2026-11-*/*.pcap.gz")
    connections = tcphs.spark.connections(segments)
    connections.where("failed").groupBy("server_addr", "outcome").count().show()

Spark reads, moves, sorts and tries again; the engine judges. It needs PySpark 4 and, on every executor,
this package: docs/SPARK.md says how to ship it, what it costs and what to expect.
"""

from __future__ import annotations

import contextlib
import functools
import glob
import json
import math
import os
import warnings
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Optional, Sequence, Tuple

import pyarrow
from pyspark.sql.datasource import DataSource, DataSourceReader, InputPartition

from ._native import CaptureWarning, SegmentReader, Sessions, connection_columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["CONNECTIONS", "SEGMENTS", "TcphsDataSource", "connections", "files", "register"]

SEGMENTS = (
    "file string, file_index int, kind tinyint, flow bigint, order_ns bigint, number bigint, "
    "frame bigint, time_ns bigint, clock_ns bigint, src_addr string, src_port int, dst_addr string, "
    "dst_port int, ttl smallint, ip_id int, octets bigint, header binary, note string"
)
"""The columns of the data source: a row for each TCP segment (``kind`` 0) and ICMP error (1), and one for
each file (2), which says how many frames it has and, in ``note``, what could not be read of it."""

_FILE = 2

_TYPES = {
    "Boolean": ("boolean", pyarrow.bool_()),
    "Int8": ("tinyint", pyarrow.int8()),
    "Int16": ("smallint", pyarrow.int16()),
    "UInt8": ("smallint", pyarrow.int16()),
    "UInt16": ("int", pyarrow.int32()),
    "UInt32": ("bigint", pyarrow.int64()),
    "Utf8": ("string", pyarrow.string()),
}


def _columns() -> List[Tuple[str, str, pyarrow.DataType]]:
    """Name, type in Spark and type in Arrow of each column of connections.

    Spark has no numbers without a sign and no nanoseconds: times are whole numbers.
    """
    columns = []
    for name, kind in connection_columns():
        if kind.startswith("Dictionary"):
            of = _TYPES["Utf8"]
        elif kind.startswith("List"):
            of = ("array<string>", pyarrow.list_(pyarrow.string()))
        else:
            of = _TYPES.get(kind, ("bigint", pyarrow.int64()))
        columns.append((name, *of))
    columns.append(("conn_key", "string", pyarrow.string()))
    return columns


CONNECTIONS = ", ".join(f"{name} {kind}" for name, kind, _ in _columns())
"""The columns of connections: those of the command, and ``conn_key``, which names a connection among all;
``conn`` counts within a partition."""

_ARROW = pyarrow.schema([(name, kind) for name, _, kind in _columns()])


def register(spark: SparkSession) -> None:
    """Makes the data source ``tcphs`` known to a session."""
    spark.dataSource.register(TcphsDataSource)


class TcphsDataSource(DataSource):
    """Reads captures: a row a segment. Small files share a partition.

    ``load`` takes files, folders (all files in them and below) and patterns, or addresses that ``fsspec``
    knows (``s3://…``). The option ``paths`` is a list of them in JSON. The option ``unreadable`` says what
    to do about a file that the system cannot read: ``fail`` (the default), or ``skip``, which leaves a row
    with a note. A file that is no capture, or is damaged, never fails the job: its row says so in ``note``.
    """

    @classmethod
    def name(cls) -> str:
        return "tcphs"

    def schema(self) -> str:
        return SEGMENTS

    def reader(self, schema: Any) -> DataSourceReader:
        return _Reader(dict(self.options))


class _Captures(InputPartition):
    """Files, and their places among all."""

    def __init__(self, files: List[Tuple[str, int]]) -> None:
        super().__init__(files)
        self.files = files


class _Reader(DataSourceReader):
    def __init__(self, options: Dict[str, str]) -> None:
        named = options.get("paths")
        self.paths: List[str] = json.loads(named) if named else []
        if "path" in options:
            self.paths.append(options["path"])
        if not self.paths:
            raise ValueError(
                'name the captures, as in .load("/captures/*.pcap"); Sail hands over one name alone: '
                "several are the option paths, a list in JSON"
            )
        self.unreadable = options.get("unreadable", "fail")
        if self.unreadable not in ("fail", "skip"):
            raise ValueError("the option unreadable is fail or skip")

    def partitions(self) -> Sequence[InputPartition]:
        found = sorted({path for named in self.paths for path in _files(named)})
        if not found:
            raise FileNotFoundError(f"no file is there: {', '.join(self.paths)}")
        together: List[_Captures] = []
        room = 0
        for index, path in enumerate(found):
            octets = _octets(path)
            if not together or octets > room:
                together.append(_Captures([]))
                room = _PARTITION_OCTETS
            together[-1].files.append((path, index))
            # A small file costs more than its octets.
            room -= max(octets, _PARTITION_OCTETS // _MOST_FILES)
        return together

    def read(self, partition: InputPartition) -> Iterator[pyarrow.RecordBatch]:
        assert isinstance(partition, _Captures)
        for path, index in partition.files:
            yield from self._read(path, index)

    def _read(self, path: str, index: int) -> Iterator[pyarrow.RecordBatch]:
        try:
            with _source(path) as source:
                reader = SegmentReader(source, path, index)
                yield from pyarrow.RecordBatchReader.from_stream(reader)
        except OSError as error:
            if self.unreadable == "fail":
                raise error if path in str(error) else OSError(f"{path}: {error}")
            yield _note(path, index, str(error))


_PARTITION_OCTETS = 64 << 20
_MOST_FILES = 256
"""Small files share a partition: so many octets, and so many files."""


def _octets(path: str) -> int:
    """The length of a file; of one elsewhere, that of a partition."""
    if _is_remote(path):
        return _PARTITION_OCTETS
    try:
        return os.path.getsize(_local(path))
    except OSError:
        return 0


def _is_remote(path: str) -> bool:
    return "://" in path and not path.startswith("file://")


def _local(path: str) -> str:
    return path[len("file://") :] if path.startswith("file://") else path


def _source(path: str) -> Any:
    """What the reader takes: the name of a file, or an open one."""
    if not _is_remote(path):
        return contextlib.nullcontext(_local(path))
    import fsspec

    return fsspec.open(path, "rb")


def _files(named: str) -> List[str]:
    if _is_remote(named):
        import fsspec

        system, path = fsspec.core.url_to_fs(named)
        if any(sign in path for sign in "*?["):
            found = [it for it in system.glob(path) if system.isfile(it)]
        else:
            found = system.find(path) or [path]
        return [system.unstrip_protocol(it) for it in found] if "::" not in named else [named]
    path = _local(named)
    paths = glob.glob(path, recursive=True) if any(sign in path for sign in "*?[") else [path]
    found = []
    for each in paths:
        if os.path.isdir(each):
            below = (os.path.join(root, name) for root, _, names in os.walk(each) for name in names)
            found += [it for it in below if os.path.isfile(it)]
        else:
            found.append(each)
    return found


def _note(path: str, index: int, note: str) -> pyarrow.RecordBatch:
    """The row of a file that cannot be read."""
    schema = pyarrow.RecordBatchReader.from_stream(SegmentReader(os.devnull, path, index)).schema
    row: Dict[str, Any] = dict.fromkeys(schema.names)
    row.update(file=path, file_index=index, kind=_FILE, flow=0, order_ns=-(2**63), number=0, frame=0)
    row.update(note=note)
    return pyarrow.RecordBatch.from_pylist([row], schema=schema)


def files(segments: DataFrame) -> DataFrame:
    """One row a file: its name, how many frames it has, and what could not be read of it.

    ``note`` is empty for a file that was read to its end; otherwise it says what the command's warning
    says, such as ``the capture is cut short after 3 frames``.
    """
    from pyspark.sql import functions as F

    return segments.where(F.col("kind") == _FILE).select(
        "file", F.col("frame").alias("frames"), F.col("time_ns").alias("first_ns"), "note"
    )


def connections(
    segments: DataFrame, *, partitions: Optional[int] = None, limit: int = 4_000_000
) -> DataFrame:
    """The rows of ``tcphs connections`` over all files together, from the rows of the data source.

    All packets of a connection come to one partition, in the order of their times, whatever file they are
    in. ``partitions`` is how many there are (``spark.sql.shuffle.partitions`` unless told otherwise), and
    ``limit``, how many connections each follows at once. ``segments`` has to be whole, with the rows of the
    files; choose connections, not segments.
    """
    from pyspark.sql import functions as F

    spark = segments.sparkSession
    if partitions is None:
        partitions = int(spark.conf.get("spark.sql.shuffle.partitions") or 200)
    is_file = F.col("kind") == _FILE
    # Each partition has to know all files, for the clock is that of all of them.
    everywhere = F.array(*[F.lit(flow) for flow in _one_a_partition(spark, partitions)])
    flows = F.when(is_file, everywhere).otherwise(F.array(F.col("flow")))
    # Names travel with the rows of the files alone.
    name = F.when(is_file, F.col("file")).otherwise(F.lit(""))
    wanted = [F.col(it) for it in segments.columns if it not in ("note", "file", "flow")]
    rows = segments.select(F.explode(flows).alias("flow"), name.alias("file"), *wanted)
    parts = rows.repartition(partitions, "flow")
    ordered = parts.sortWithinPartitions("order_ns", "file_index", "number")
    return ordered.mapInArrow(_Follow(limit, _keeps_order(spark)), CONNECTIONS)


class _Follow:
    """Follows the connections of a partition."""

    def __init__(self, limit: int, is_sorted: bool) -> None:
        self.limit = limit
        self.is_sorted = is_sorted

    def __call__(self, batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
        sessions = Sessions(self.limit, self.is_sorted)
        for batch in batches:
            yield from map(_in_spark, sessions.push(batch))
        yield from map(_in_spark, sessions.finish())
        evicted = sessions.evicted()
        if evicted:
            warnings.warn(
                f"more connections were open at once than the limit of {self.limit}: {evicted} were "
                "dropped; take more partitions",
                CaptureWarning,
                stacklevel=1,
            )


def _in_spark(batch: pyarrow.RecordBatch) -> pyarrow.RecordBatch:
    """The same rows with the types that Spark has."""
    columns = [column.cast(kind) for column, kind in zip(batch.columns, _ARROW.types)]
    return pyarrow.RecordBatch.from_arrays(columns, schema=_ARROW)


@functools.lru_cache(maxsize=32)
def _one_a_partition(spark: SparkSession, partitions: int) -> List[int]:
    """A number for each partition which comes to that partition."""
    from pyspark.sql import functions as F

    found: Dict[int, int] = {}
    # So many random draws hit every one of n partitions, save for one time in a thousand.
    draws = int(partitions * (math.log(partitions) + 7))
    while len(found) < partitions:
        numbers = spark.range(0, draws, 1, 1).withColumnRenamed("id", "flow")
        placed = numbers.repartition(partitions, "flow").withColumn("at", F.spark_partition_id())
        found = {row["at"]: row["flow"] for row in placed.groupBy("at").agg(F.min("flow").alias("flow")).collect()}
        draws *= 2
    return [found[at] for at in sorted(found)]


@functools.lru_cache(maxsize=32)
def _keeps_order(spark: SparkSession) -> bool:
    """Whether rows come to a function in the order in which they were sorted: not with every engine."""
    numbers = spark.range(0, 64, 1, 2)
    ordered = numbers.repartition(1).sortWithinPartitions(numbers["id"].desc())
    return bool(ordered.mapInArrow(_is_falling, "falling boolean").collect()[0][0])


def _is_falling(batches: Iterator[pyarrow.RecordBatch]) -> Iterator[pyarrow.RecordBatch]:
    numbers = [number for batch in batches for number in batch.column(0).to_pylist()]
    yield pyarrow.RecordBatch.from_pydict({"falling": [numbers == sorted(numbers, reverse=True)]})
