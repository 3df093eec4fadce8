"""One row as an object."""

from __future__ import annotations

import datetime
from typing import Any, Dict, Iterator, Tuple


class RowObject:
    """A row: its columns are attributes. Times are whole nanoseconds; without ``_ns``, they are those of
    ``datetime``, to the microsecond.
    """

    __slots__ = ("_values",)

    def __init__(self, values: Dict[str, Any]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            pass
        if f"{name}_ns" not in self._values:
            raise AttributeError(f"{type(self).__name__} has no {name!r}")
        value = self._values[f"{name}_ns"]
        if value is None:
            return None
        span = datetime.timedelta(microseconds=value // 1000)
        return _EPOCH + span if name in _INSTANTS else span

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def to_dict(self) -> Dict[str, Any]:
        """The columns with their values."""
        return dict(self._values)

    def __iter__(self) -> Iterator[Tuple[str, Any]]:
        return iter(self._values.items())

    def __dir__(self) -> Iterator[str]:
        return iter([*super().__dir__(), *self._values])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RowObject) and self._values == other._values

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self._values.items())
        return f"{type(self).__name__}({values})"


_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
_INSTANTS = frozenset(("first", "last", "time", "from"))
