"""Warnings that name the line of the caller, not one in here or in a library that reads the rows."""

from __future__ import annotations

import sys
import warnings
from types import FrameType
from typing import Any, Dict, Optional, Type

_PASSED = ("tcphs.", "pyarrow", "pandas", "polars", "duckdb")
_told: Dict[Any, Any] = {}


def warn(text: str, category: Type[Warning]) -> None:
    """Warns the caller that asked for the rows.

    A thread that a library started outside Python has no line of a caller: the package is named
    in its place.
    """
    frame: Optional[FrameType] = sys._getframe()
    while frame and str(frame.f_globals.get("__name__", "")).startswith(_PASSED):
        frame = frame.f_back
    if frame is None:
        warnings.warn_explicit(text, category, "tcphs", 1, "tcphs", _told)
        return
    told = frame.f_globals
    warnings.warn_explicit(
        text,
        category,
        frame.f_code.co_filename,
        frame.f_lineno,
        str(told.get("__name__", "<string>")),
        told.setdefault("__warningregistry__", {}),
    )
