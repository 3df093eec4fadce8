"""An executor that is killed costs time, not rows."""

from __future__ import annotations

import os
import pathlib
import signal
import threading
import time
from typing import Any, List

import pytest

import tcphs
import tcphs.spark
from cluster import FIRST_NS, alone, is_sail, plain, same
from traffic import connection, write

pytestmark = pytest.mark.skipif(is_sail(), reason="Sail has no executors here")


def executors() -> List[int]:
    """The processes of the executors that belong to this one."""
    parents, found = {}, []
    for entry in pathlib.Path("/proc").iterdir():
        try:
            words = (entry / "cmdline").read_bytes()
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        parents[entry.name] = parent
        if b"CoarseGrainedExecutorBackend" in words:
            found.append(entry.name)

    def is_ours(process: str) -> bool:
        return process == str(os.getpid()) or process in parents and is_ours(parents[process])

    return [int(process) for process in found if is_ours(process)]


def test_an_executor_is_killed_while_it_follows_connections(spark: Any, folder: pathlib.Path) -> None:
    packets = [
        it for client in range(20_000) for it in connection(FIRST_NS + client * 10**6, client, 5)
    ]
    packets.sort()
    paths = [
        write(folder / f"{at}.pcap", packets[len(packets) * at // 4 : len(packets) * (at + 1) // 4])
        for at in range(4)
    ]
    segments = spark.read.format("tcphs").load(str(folder))
    connections = tcphs.spark.connections(segments, partitions=8)
    found: List[Any] = []
    job = threading.Thread(target=lambda: found.extend(connections.collect()))
    job.start()
    tracker = spark.sparkContext.statusTracker()
    killed = None
    while job.is_alive() and killed is None:
        # The second stage: one has a task for each partition, and some of them are done.
        for stage in map(tracker.getStageInfo, tracker.getActiveStageIds()):
            if stage and stage.numTasks == 8 and stage.numActiveTasks and stage.numCompletedTasks >= 1:
                killed = executors()[0]
                os.kill(killed, signal.SIGKILL)
                break
        time.sleep(0.02)
    job.join(timeout=300)
    assert killed is not None, "the second stage was over before"
    assert not job.is_alive() and killed not in executors()
    same(plain(found), alone(paths))
    assert len(found) == 20_000
