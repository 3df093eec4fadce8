"""Writes tcphs/_kinds.py: the columns of each kind of row, with their types.

    PYTHONPATH=python python python/tests/kinds.py

Without `PYTHONPATH`, the columns are those of the package that is installed.
"""

from __future__ import annotations

import pathlib

import pyarrow

from tcphs._arguments import request
from tcphs._native import Reading

WRITTEN = pathlib.Path(__file__).resolve().parents[1] / "tcphs" / "_kinds.py"

KINDS = {
    "Connection": ("connections", "One connection."),
    "Packet": ("packets", "One TCP segment."),
    "Server": ("servers", "One server: address and port."),
    "Joined": ("compare", "One connection between two points of capture."),
}

def python_type(kind: pyarrow.DataType) -> str:
    if pyarrow.types.is_dictionary(kind) or pyarrow.types.is_string(kind):
        return "str"
    if pyarrow.types.is_boolean(kind):
        return "bool"
    if pyarrow.types.is_floating(kind):
        return "float"
    if pyarrow.types.is_list(kind):
        return "List[str]"
    return "int"


def schema(kind: str) -> pyarrow.Schema:
    files = ["samples/pairs/syn-lost.client.pcapng", "samples/pairs/syn-lost.server.pcapng"]
    return pyarrow.RecordBatchReader.from_stream(Reading(request(kind, files))).schema


def text() -> str:
    lines = [
        '"""The kinds of rows. Written by kinds.py."""',
        "",
        "from __future__ import annotations",
        "",
        "import datetime",
        "from typing import List, Optional",
        "",
        "from ._row import RowObject",
    ]
    for name, (kind, doc) in KINDS.items():
        lines += ["", "", f"class {name}(RowObject):", f'    """{doc}"""', "", "    __slots__ = ()", ""]
        without = []
        if name == "Server":
            lines += ["    # Only with `every`.", "    from_ns: int"]
        for field in schema(kind):
            of = python_type(field.type)
            lines.append(f"    {field.name}: {f'Optional[{of}]' if field.nullable else of}")
            if pyarrow.types.is_timestamp(field.type):
                without.append((field, "datetime.datetime"))
            elif pyarrow.types.is_duration(field.type):
                without.append((field, "datetime.timedelta"))
        for field, of in without:
            short = field.name[: -len("_ns")]
            lines.append(f"    {short}: {f'Optional[{of}]' if field.nullable else of}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    WRITTEN.write_text(text())
