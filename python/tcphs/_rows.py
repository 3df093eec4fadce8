"""Rows: an Arrow stream that is read when it is asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Callable, Generic, Iterator, List, Optional, Type, TypeVar

from ._frames import frame_of
from ._native import Reading, Request

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Row = TypeVar("Row")
T = TypeVar("T")


class Rows(Generic[Row]):
    """The rows of captures, in the order of the command's.

    Nothing is read until they are asked for, and each time the captures are read anew: as objects, by
    iteration; as a frame of pandas, Polars or PyArrow; or by any library that knows the Arrow PyCapsule
    interface, such as DuckDB.

    >>> import tcphs
    >>> rows = tcphs.connections("samples/telnet-dns.pcapng")
    >>> rows
    <tcphs.Rows of connections, 48 columns>
    >>> next(iter(rows)).outcome
    'complete'

    What cannot be read raises :class:`OSError` or :class:`CaptureError`, with the name of the file. A
    capture that is cut short or damaged ends there, with a :class:`CaptureWarning`.
    """

    def __init__(self, kind: str, row: Type[Row], request: Request) -> None:
        self._kind = kind
        self._row = row
        self._request = request

    @property
    def columns(self) -> List[str]:
        """The names of the columns."""
        return self._request.columns()

    def __iter__(self) -> Iterator[Row]:
        reading = Reading(self._request)
        make: Callable[[Any], Row] = self._row
        while True:
            rows = reading.next_rows()
            if rows is None:
                return
            yield from map(make, rows)

    def __arrow_c_stream__(self, requested_schema: Optional[object] = None) -> object:
        """The stream of the Arrow PyCapsule interface."""
        return Reading(self._request).__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"<tcphs.Rows of {self._kind}, {len(self.columns)} columns>"

    def to_arrow(self) -> pyarrow.Table:
        """A table of PyArrow.

        >>> import tcphs
        >>> tcphs.connections("samples/telnet-dns.pcapng").to_arrow().num_rows
        1
        """
        table: Any = self._given_to(self._reader)
        return table

    def to_batches(self) -> pyarrow.RecordBatchReader:
        """A reader of PyArrow that gives 65,536 rows at a time: memory does not grow with the capture."""
        reader: Any = _library("pyarrow").RecordBatchReader.from_stream(self)
        return reader

    def to_pandas(self, **options: Any) -> pandas.DataFrame:
        """A frame of pandas; ``options`` are those of ``pyarrow.Table.to_pandas``.

        Labels such as outcomes are categories, times are ``datetime64[ns, UTC]`` and ``timedelta64[ns]``.
        Lists of labels are arrays that cannot be written to, because rows with the same labels share one;
        with ``options``, each row has its own.

        >>> import tcphs
        >>> frame = tcphs.connections("samples/accept-queue-full.pcapng").to_pandas()
        >>> int(frame["failed"].sum())
        1
        """
        _library("pandas")
        table: Any = self.to_arrow()
        frame: Any = table.to_pandas(**options) if options else frame_of(table)
        return frame

    def to_polars(self) -> polars.DataFrame:
        """A frame of Polars."""
        library = _library("polars")
        return self._given_to(library.DataFrame)  # type: ignore[no-any-return]

    @staticmethod
    def _reader(reading: Reading) -> Any:
        return _library("pyarrow").RecordBatchReader.from_stream(reading).read_all()

    def _given_to(self, consumer: Callable[[Reading], T]) -> T:
        reading = Reading(self._request)
        try:
            return consumer(reading)
        except Exception:
            # Our exception names the file; the consumer's only quotes it.
            reading.raise_failure()
            raise


def _library(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"this needs the package {name}: pip install {name}") from error
