"""The examples run: the notebook of five questions, and the script."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, List

import nbclient
import nbformat
import pytest

from common import ROOT

EXAMPLES = ROOT / "python" / "examples"


def outputs(notebook: Any, of_type: str) -> List[str]:
    """The outputs of all cells of a type of media."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [it.data[of_type] for cell in cells for it in cell.outputs if of_type in it.get("data", {})]


@pytest.fixture(scope="module")
def notebook() -> Any:
    """The notebook, run from its own folder as Jupyter does."""
    read = nbformat.read(EXAMPLES / "five-questions.ipynb", as_version=4)
    nbformat.validate(read)
    assert not any(cell.get("outputs") for cell in read.cells), "stored outputs: clear them"
    # A cell that fails raises an error here.
    resources = {"metadata": {"path": str(EXAMPLES)}}
    client = nbclient.NotebookClient(read, timeout=300, kernel_name="python3", resources=resources)
    return client.execute()


def test_no_cell_fails_or_warns(notebook: Any) -> None:
    every = [it for cell in notebook.cells if cell.cell_type == "code" for it in cell.outputs]
    assert every
    assert [it for it in every if it.output_type == "error"] == []
    assert [it.text for it in every if it.get("name") == "stderr"] == []


def test_ladders_are_pictures_and_explanations_are_text(notebook: Any) -> None:
    (one, between) = outputs(notebook, "image/svg+xml")
    assert one.startswith("<svg") and ">refused<" in one
    assert between.startswith("<svg") and ">syn_lost<" in between
    (explained,) = outputs(notebook, "text/markdown")
    assert "### What to check next" in explained
    assert "sequenceDiagram" in explained


def test_tables_answer_the_questions(notebook: Any) -> None:
    failed, causes, servers, hours, slow, joined = outputs(notebook, "text/html")
    for outcome in ("refused", "no_reply", "not_accepted", "unreachable"):
        assert outcome in failed and outcome in hours
    assert "accept queue is full" in causes
    assert "8080" in servers and "attempts" in servers
    assert "1029.5" in slow and "waited" in slow
    assert "syn_lost" in joined


def script(*captures: str) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, str(EXAMPLES / "failures.py"), *captures]
    return subprocess.run(words, capture_output=True, encoding="utf-8")


def test_the_script_counts_and_explains_failures() -> None:
    done = script("samples/accept-queue-full.pcapng", "samples/refused.pcapng")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:5] == [
        "2 of 4 connections failed",
        " server_addr  server_port  outcome  failed  clients               first",
        "198.51.100.2         8080  refused       1        1 2026-11-23 00:50:20",
        "198.51.100.2         7000 no_reply       1        1 2026-11-23 01:55:20",
        "",
    ]
    assert lines[5].startswith("Connection 0 of samples/refused.pcapng: 192.0.2.1:")
    assert "What to check next" in lines


def test_the_script_says_that_nothing_failed() -> None:
    done = script("samples/telnet-dns.pcapng")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "0 of 1 connections failed\n"


def test_the_script_names_what_it_cannot_read() -> None:
    done = script("missing.pcap")
    assert done.returncode == 1
    assert done.stderr == "failures.py: [Errno 2] No such file or directory: 'missing.pcap'\n"
    assert script().returncode == 1
