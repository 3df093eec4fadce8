"""Fixtures, and the line by which `cargo xtask test` counts tests."""

from __future__ import annotations

from typing import Any

import pytest

import common  # noqa: F401  # From here on, the folder is that of the checkout.


@pytest.fixture
def no_reply() -> str:
    return "samples/no-reply.pcapng"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    found = {kind: len(terminalreporter.getreports(kind)) for kind in ("passed", "failed", "error")}
    failed = found["failed"] + found["error"]
    word = "FAILED" if failed else "ok"
    terminalreporter.write_line(f"test result: {word}. {found['passed']} passed; {failed} failed")
