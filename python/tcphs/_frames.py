"""Frames of pandas."""

from __future__ import annotations

from typing import Any

# Not in any label.
_BETWEEN = ","
# Rows of a column that tell whether its texts repeat.
_SAMPLE = 4096
# Below so many rows, threads take more time than they save.
_ROWS_FOR_THREADS = 1 << 19


def frame_of(table: Any) -> Any:
    """The frame of a table, in which equal texts and equal lists are one object.

    Few lists differ, and an array for each row takes more memory and time than all other columns. Texts that
    hardly repeat in the first rows, as addresses of clients may be, are not compared: that would take most of
    the time.
    """
    from pyarrow import types

    lists = [it.name for it in table.schema if types.is_list(it.type)]
    texts = [it.name for it in table.schema if types.is_string(it.type)]
    single = [name for name in texts if not _repeats(table.column(name))]
    threads = table.num_rows >= _ROWS_FOR_THREADS
    frame = table.drop_columns(lists + single).to_pandas(use_threads=threads)
    for place, name in enumerate(table.column_names):
        if name in lists:
            frame.insert(place, name, _arrays(table.column(name)))
        elif name in single:
            frame.insert(place, name, table.column(name).to_pandas(deduplicate_objects=False))
    return frame


def _repeats(column: Any) -> bool:
    sample = column.slice(0, _SAMPLE)
    return len(sample.unique()) <= len(sample) // 2


def _arrays(column: Any) -> Any:
    """An array of arrays of labels, which cannot be written to, as many rows may have the same."""
    import numpy
    import pyarrow
    from pyarrow import compute

    # Encoded before they become one array, for which all texts together may be too long. No list is null.
    lists = column.cast(pyarrow.list_(pyarrow.string()))
    joined = compute.binary_join(lists, _BETWEEN).dictionary_encode().combine_chunks()
    texts = joined.dictionary.to_pylist()
    arrays = numpy.empty(len(texts), dtype=object)
    for place, text in enumerate(texts):
        arrays[place] = numpy.array(text.split(_BETWEEN) if text else [], dtype=object)
        arrays[place].setflags(write=False)
    return arrays[joined.indices.to_numpy()]
