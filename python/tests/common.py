"""What the tests have in common: captures, and the command to compare with."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import List, Optional

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "captures"
FULL = "TCPHS_FULL" in os.environ

# The examples name captures as they are named in a checkout.
os.chdir(ROOT)
# Programs that the tests start find the same package.
os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)


def command() -> str:
    """The command that was built with the package."""
    named = os.environ.get("TCPHS_COMMAND")
    built = [ROOT / "target" / profile / "tcphs" for profile in ("debug", "release")]
    there = [str(path) for path in built if path.exists()]
    if named or there:
        return named or there[0]
    raise FileNotFoundError("build the command first: cargo build --package tcphs")


def run(*arguments: object, check: bool = False) -> subprocess.CompletedProcess[str]:
    """Runs the command."""
    words = [command(), *map(str, arguments)]
    return subprocess.run(words, check=check, capture_output=True, encoding="utf-8")


def skip(test: str, reason: str) -> None:
    """Notes a test that could not be made, where `cargo xtask test` looks for it."""
    noted: Optional[str] = os.environ.get("TCPHS_SKIPS")
    if noted:
        with open(noted, "a", encoding="utf-8") as file:
            file.write(f"SKIPPED {test}: {reason}\n")
    pytest.skip(reason)


def samples() -> List[str]:
    """The recorded captures of the project."""
    return sorted(str(path.relative_to(ROOT)) for path in (ROOT / "samples").rglob("*.pcapng"))


def corpus() -> List[str]:
    """Every file at hand, captures or not; of those beside the project, a part unless it takes long."""
    files = samples()
    if SHARED.exists():
        folder = SHARED if FULL else SHARED / "reports"
        files += sorted(str(path) for path in folder.rglob("*") if path.is_file())
    return files
