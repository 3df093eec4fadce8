"""A session of Spark: a cluster of separate processes, or Sail where that is installed."""

from __future__ import annotations

import os
import pathlib
import sys
from typing import Any, Iterator

import pytest

import tcphs.spark
from cluster import is_sail


@pytest.fixture(scope="session")
def spark() -> Iterator[Any]:
    if is_sail():
        from pysail.spark import SparkConnectServer
        from pyspark.sql import SparkSession

        server = SparkConnectServer("127.0.0.1", 0)
        server.start(background=True)
        _, port = server.listening_address
        session = SparkSession.builder.remote(f"sc://127.0.0.1:{port}").getOrCreate()
        session.conf.set("spark.sql.shuffle.partitions", "4")
    else:
        os.environ["SPARK_LOCAL_HOSTNAME"] = "localhost"
        os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
        os.environ["PYSPARK_PYTHON"] = sys.executable
        from pyspark.sql import SparkSession

        # Two executors of one core and 1 GB, each a process.
        builder = SparkSession.builder.master("local-cluster[2,1,1024]").appName("tcphs")
        builder = builder.config("spark.ui.enabled", "false")
        builder = builder.config("spark.sql.shuffle.partitions", "4")
        builder = builder.config("spark.executorEnv.PYTHONPATH", os.environ["PYTHONPATH"])
        session = builder.getOrCreate()
        session.sparkContext.setLogLevel("OFF")
    tcphs.spark.register(session)
    yield session
    session.stop()


@pytest.fixture
def folder(tmp_path: Any) -> pathlib.Path:
    """An empty folder."""
    made: pathlib.Path = tmp_path / "captures"
    made.mkdir()
    return made
