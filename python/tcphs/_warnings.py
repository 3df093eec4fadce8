"""Warnings that name the line of the caller, not one in here or in a library that reads the rows."""

from __future__ import annotations

import sys
import warnings
from typing import Type

_PASSED = ("tcphs.", "pyarrow", "pandas", "polars", "duckdb")


def warn(text: str, category: Type[Warning]) -> None:
    """Warns whoever asked for the rows."""
    frame = sys._getframe(1)
    while frame.f_back and str(frame.f_globals.get("__name__", "")).startswith(_PASSED):
        frame = frame.f_back
    told = frame.f_globals
    warnings.warn_explicit(
        text,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        str(told.get("__name__", "<string>")),
        told.setdefault("__warningregistry__", {}),
    )
