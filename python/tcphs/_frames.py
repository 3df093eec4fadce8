"""Frames of pandas."""

from __future__ import annotations

from typing import Any

# Not in any label.
_BETWEEN = ","


def frame_of(table: Any) -> Any:
    """The frame of a table, in which equal lists are one object.

    Few lists differ, and an array for each row takes more memory and time than all other columns.
    """
    from pyarrow import types

    lists = [field.name for field in table.schema if types.is_list(field.type)]
    frame = table.drop_columns(lists).to_pandas()
    for name in lists:
        frame.insert(table.schema.get_field_index(name), name, _arrays(table.column(name)))
    return frame


def _arrays(column: Any) -> Any:
    """An array of arrays of labels, which cannot be written to, as many rows may have the same."""
    import numpy
    import pyarrow
    from pyarrow import compute

    lists = column.cast(pyarrow.list_(pyarrow.string())).combine_chunks()
    joined = compute.binary_join(lists, _BETWEEN).dictionary_encode()
    texts = joined.dictionary.to_pylist()
    arrays = numpy.empty(len(texts), dtype=object)
    for place, text in enumerate(texts):
        arrays[place] = numpy.array(text.split(_BETWEEN) if text else [], dtype=object)
        arrays[place].setflags(write=False)
    return arrays[joined.indices.to_numpy()]
