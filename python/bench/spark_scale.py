"""Measures tcphs on Spark beside the command: time, CPU, octets shuffled, memory.

    python spark_scale.py [OPTIONS] CAPTURE

The capture, a classic pcap in order of time, is cut into files of equal size. The command reads them with one
thread on one CPU; then a cluster of separate processes with one executor of one core, and one with two. Each
runs on as many CPUs as it has cores, driver included, so CPUs are comparable. Needs Linux, Java 17, PySpark 4,
the package tcphs and its command.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


def main() -> None:
    options = arguments()
    if options.one:
        print(json.dumps(on_spark(options)))
        return
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        folder = pathlib.Path(scratch, "captures")
        cut(options.capture, options.files, folder)
        files = sorted(folder.iterdir())
        alone = command(options, files, scratch)
        clusters = {}
        for executors in options.executors:
            clusters[executors] = cluster(options, executors, folder, scratch)
        again = command(options, files, scratch)
    both = {key: min(alone[key], again[key]) for key in alone}
    report(options, both, clusters)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture")
    parser.add_argument("--command", default="tcphs", help="the command (default: tcphs)")
    parser.add_argument("--files", type=int, default=8, help="files to cut the capture into (8)")
    parser.add_argument("--partitions", type=int, default=8, help="partitions of stage 2 (8)")
    parser.add_argument("--rounds", type=int, default=3, help="the least time of so many counts (3)")
    parser.add_argument("--executors", type=int, nargs="+", default=[1, 2], help="executors of one core (1 2)")
    parser.add_argument("--memory", type=int, default=2048, help="MiB of an executor's heap (2048)")
    parser.add_argument("--conf", action="append", default=[], metavar="KEY=VALUE", help="further setting of Spark")
    parser.add_argument("--scratch", help="folder for temporary files")
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def cut(capture: str, count: int, folder: pathlib.Path) -> None:
    """Writes the packets of a capture to so many files of about the same size, in their order."""
    folder.mkdir()
    size = os.path.getsize(capture)
    with open(capture, "rb") as source:
        head = source.read(24)
        big = head[:4] in (b"\xa1\xb2\xc3\xd4", b"\xa1\xb2\x3c\x4d")
        if not big and head[:4] not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1"):
            sys.exit(f"{capture}: only classic pcap can be cut (editcap -F pcap)")
        length = struct.Struct(">I" if big else "<I")
        for number in range(count):
            end = 24 + (size - 24) * (number + 1) // count
            with open(folder / f"{number:05}.pcap", "wb") as part:
                part.write(head)
                while source.tell() < end:
                    record = source.read(16)
                    if len(record) < 16:
                        break
                    part.write(record + source.read(length.unpack_from(record, 8)[0]))


def command(options: argparse.Namespace, files: list[pathlib.Path], scratch: str) -> dict[str, float]:
    """Seconds, CPU and memory of the command that writes Parquet, on one CPU."""
    output = os.path.join(scratch, "alone.parquet")
    asked = [options.command, "connections", "--threads", "1", "--format", "parquet", "--output", output]
    found = []
    for _ in range(2 * options.rounds + 1):
        began = time.monotonic()
        child = subprocess.Popen(
            [*asked, *map(str, files)], stderr=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, {0})
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            sys.exit(f"{options.command} failed with status {child.returncode}")
        cpu_s = used.ru_utime + used.ru_stime
        found.append({"wall_s": time.monotonic() - began, "cpu_s": cpu_s, "peak_mib": used.ru_maxrss / 1024})
    return {key: statistics.median(one[key] for one in found) for key in found[0]}


def cluster(options: argparse.Namespace, executors: int, folder: pathlib.Path, scratch: str) -> dict[str, float]:
    """The figures of one cluster, measured in a process of its own."""
    plain = ["files", "partitions", "rounds", "memory"]
    given = [f"--{name}={getattr(options, name)}" for name in plain]
    given += [f"--conf={setting}" for setting in options.conf]
    asked = [sys.executable, __file__, *given, f"--one={executors}", f"--scratch={scratch}", str(folder)]
    cpus = sorted(os.sched_getaffinity(0))[:executors]
    done = subprocess.run(
        asked, stdout=subprocess.PIPE, text=True, check=True, preexec_fn=lambda: os.sched_setaffinity(0, cpus)
    )
    return json.loads(done.stdout.splitlines()[-1])


def on_spark(options: argparse.Namespace) -> dict[str, float]:
    os.environ.update(SPARK_LOCAL_HOSTNAME="localhost", SPARK_LOCAL_IP="127.0.0.1", PYSPARK_PYTHON=sys.executable)
    import tcphs
    from pyspark.sql import SparkSession

    import tcphs.spark

    log = pathlib.Path(options.scratch, f"events-{options.one}")
    log.mkdir()
    package = os.path.dirname(os.path.dirname(os.path.abspath(tcphs.__file__)))
    builder = SparkSession.builder.master(f"local-cluster[{options.one},1,{options.memory}]")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.executor.memory": f"{options.memory}m",
        "spark.executorEnv.PYTHONPATH": package,
        "spark.sql.shuffle.partitions": str(options.partitions),
        "spark.eventLog.enabled": "true",
        "spark.eventLog.compress": "false",
        "spark.eventLog.rolling.enabled": "false",
        "spark.eventLog.dir": log.as_uri(),
    }
    settings.update(setting.split("=", 1) for setting in options.conf)
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    tcphs.spark.register(spark)
    segments = spark.read.format("tcphs").load(options.capture)
    # Starts the workers, and compiles what Java runs often.
    first = spark.read.format("tcphs").load(min(map(str, pathlib.Path(options.capture).iterdir())))
    tcphs.spark.connections(first).count()
    found: dict[str, float] = {}
    watch = Watch()

    def measured(name: str, act) -> None:
        rounds = []
        for number in range(options.rounds):
            spark.sparkContext.setJobDescription(f"{name} {number}")
            used, began = watch.cpu_s(), time.monotonic()
            value = act(number)
            wall_s = time.monotonic() - began
            rounds.append((wall_s, *(now - then for now, then in zip(watch.cpu_s(), used))))
            found[f"{name}_value"] = value
        best = min(rounds)
        found.update({f"{name}_wall_s": best[0], f"{name}_java_s": best[1], f"{name}_python_s": best[2]})

    def whole(number: int) -> int:
        output = os.path.join(options.scratch, f"rows-{options.one}-{number}")
        asked.write.parquet(output)
        return 0

    def plan(_: int) -> int:
        nonlocal asked
        asked = tcphs.spark.connections(segments)
        return 0

    asked = tcphs.spark.connections(segments)
    measured("plan", plan)
    measured("read", lambda _: segments.count())
    measured("whole", whole)
    spark.sparkContext.setJobDescription("the rows, counted")
    found["connections"] = spark.read.parquet(os.path.join(options.scratch, f"rows-{options.one}-0")).count()
    found.update(watch.peaks())
    spark.stop()
    found.update(from_events(log, f"whole {options.rounds - 1}"))
    return found


class Watch:
    """Processes of executors and of their Python: CPU and peaks of memory, from /proc."""

    def __init__(self) -> None:
        self.peak_mib = {"java": 0.0, "python": 0.0}
        threading.Thread(target=self.look, daemon=True).start()

    def look(self) -> None:
        while True:
            for kind, process in processes():
                status = read(process / "status")
                peak = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")]
                if peak:
                    self.peak_mib[kind] = max(self.peak_mib[kind], peak[0] / 1024)
            time.sleep(0.1)

    def peaks(self) -> dict[str, float]:
        return {f"{kind}_peak_mib": peak for kind, peak in self.peak_mib.items()}

    @staticmethod
    def cpu_s() -> tuple[float, float]:
        """Seconds of the executors and of their workers, also of those that have ended."""
        used = {"java": 0, "python": 0}
        for kind, process in processes():
            fields = read(process / "stat").rpartition(")")[2].split()
            # User, system; for the parent of the workers, those of its children that have ended, too.
            used[kind] += sum(map(int, fields[11:15] if kind == "python" else fields[11:13])) if fields else 0
        return used["java"] / TICKS, used["python"] / TICKS


def processes():
    """The executors, and the Python processes below them."""
    parents, names = {}, {}
    for process in pathlib.Path("/proc").iterdir():
        if process.name.isdigit():
            fields = read(process / "stat").rpartition(")")[2].split()
            if fields:
                parents[int(process.name)] = int(fields[1])
                names[int(process.name)] = read(process / "cmdline")

    def below(number: int, top: int) -> bool:
        while number and number != top:
            number = parents.get(number, 0)
        return number == top

    executors = {it for it in names if "CoarseGrainedExecutorBackend" in names[it] and below(it, os.getpid())}
    for number in names:
        if number in executors:
            yield "java", pathlib.Path("/proc", str(number))
        elif "python" in names[number] and any(below(number, it) for it in executors):
            yield "python", pathlib.Path("/proc", str(number))


def read(path: pathlib.Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def from_events(log: pathlib.Path, job: str) -> dict[str, float]:
    """What Spark's event log says of a job: its stages, and what they shuffled."""
    stages: dict[int, dict[str, float]] = {}
    [file] = [it for it in log.iterdir() if it.is_file()]
    for line in file.read_text().splitlines():
        event = json.loads(line)
        kind = event["Event"]
        if kind == "SparkListenerStageSubmitted":
            if event.get("Properties", {}).get("spark.job.description") == job:
                zeros = dict.fromkeys(("tasks", "run_s", "gc_s", "octets", "rows", "spilled", "longest_s"), 0.0)
                stages[event["Stage Info"]["Stage ID"]] = zeros
        elif kind == "SparkListenerTaskEnd" and event["Stage ID"] in stages and event.get("Task Metrics"):
            stage, metrics = stages[event["Stage ID"]], event["Task Metrics"]
            written = metrics["Shuffle Write Metrics"]
            stage["tasks"] += 1
            stage["run_s"] += metrics["Executor Run Time"] / 1000
            stage["longest_s"] = max(stage["longest_s"], metrics["Executor Run Time"] / 1000)
            stage["gc_s"] += metrics["JVM GC Time"] / 1000
            stage["octets"] += written["Shuffle Bytes Written"]
            stage["rows"] += written["Shuffle Records Written"]
            stage["spilled"] += metrics["Disk Bytes Spilled"]
        elif kind == "SparkListenerStageCompleted" and event["Stage Info"]["Stage ID"] in stages:
            info = event["Stage Info"]
            stages[info["Stage ID"]]["wall_s"] = (info["Completion Time"] - info["Submission Time"]) / 1000
    ran = [stages[it] for it in sorted(stages) if stages[it]["tasks"]]
    first, second = ran[0], ran[-1]
    return {
        **{f"first_{key}": value for key, value in first.items()},
        **{f"second_{key}": value for key, value in second.items()},
    }


def report(options: argparse.Namespace, alone: dict[str, float], clusters: dict[int, dict[str, float]]) -> None:
    size = os.path.getsize(options.capture)
    print(f"{options.capture}: {size / 1e6:.0f} MB in {options.files} files, {options.partitions} partitions")
    head = [f"{count} x 1 core" for count in clusters]
    print(f"{'':52}{'command':>12}" + "".join(f"{it:>12}" for it in head))

    def row(title: str, of_alone, of_cluster, form: str = ".2f") -> None:
        cells = [of_alone, *[of_cluster(it) for it in clusters.values()]]
        texts = ["-" if cell is None else format(cell, form) for cell in cells]
        print(f"{title:52}" + "".join(f"{it:>12}" for it in texts))

    def cpu_s(it: dict[str, float], name: str) -> float:
        return it[f"{name}_java_s"] + it[f"{name}_python_s"]

    one = next(iter(clusters.values()))
    rows = one["read_value"]
    row("ratio: CPU of the whole to that of the command", 1.0, lambda it: cpu_s(it, "whole") / alone["cpu_s"], ".1f")
    row("ratio: time of the whole to that of the command", 1.0, lambda it: it["whole_wall_s"] / alone["wall_s"], ".1f")
    row("ratio: time with the first cluster to this one", None, lambda it: one["whole_wall_s"] / it["whole_wall_s"])
    row("ratio: octets shuffled to those of the capture", None, lambda it: it["first_octets"] / size)
    row("whole to Parquet: s", alone["wall_s"], lambda it: it["whole_wall_s"])
    row("whole to Parquet: CPU s, executors' Java", None, lambda it: it["whole_java_s"])
    row("whole to Parquet: CPU s, Python (command: its own)", alone["cpu_s"], lambda it: it["whole_python_s"])
    row("  stage 1, read and shuffle: s", None, lambda it: it["first_wall_s"])
    row("  stage 2, sort, follow and write: s", None, lambda it: it["second_wall_s"])
    row("  garbage collection: s", None, lambda it: it["first_gc_s"] + it["second_gc_s"])
    row("stage 1 alone, counted: s", None, lambda it: it["read_wall_s"])
    row("stage 1 alone, counted: CPU s", None, lambda it: cpu_s(it, "read"))
    row("before the job: tcphs.spark.connections(): s", None, lambda it: it["plan_wall_s"])
    row("segment rows", None, lambda it: it["read_value"], ".0f")
    row("connections", None, lambda it: it["connections"], ".0f")

    def rate(name: str):
        return lambda it: rows / cores(clusters, it) / it[f"{name}_wall_s"] / 1e3

    row("thousand rows a second and core: stage 1, counted", None, rate("read"), ".0f")
    row("thousand rows a second and core: stage 1, shuffled", None, rate("first"), ".0f")
    row("thousand rows a second and core: stage 2", None, rate("second"), ".0f")
    row("thousand rows a second and core: whole", None, rate("whole"), ".0f")
    of_cpu = rows / alone["cpu_s"] / 1e3
    row("thousand rows a second of CPU: whole", of_cpu, lambda it: rows / cpu_s(it, "whole") / 1e3, ".0f")
    row("octets shuffled a row", None, lambda it: it["first_octets"] / it["first_rows"], ".1f")
    row("spilled to disk, MiB", None, lambda it: (it["first_spilled"] + it["second_spilled"]) / MIB, ".0f")
    row("peak of one Python worker (the command), MiB", alone["peak_mib"], lambda it: it["python_peak_mib"], ".0f")
    row("peak of one executor's Java, MiB", None, lambda it: it["java_peak_mib"], ".0f")


def cores(clusters: dict[int, dict[str, float]], of: dict[str, float]) -> int:
    return next(count for count, it in clusters.items() if it is of)


if __name__ == "__main__":
    main()
