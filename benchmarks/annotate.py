"""Throughput of solving with a language model, against the rehearsal teacher, with two peers in the same run.

    python benchmarks/annotate.py TASKS [--count 2000] [--latency 0.05] [--concurrency 64]

TASKS is a folder that `toolwise tasks` wrote. Ours is `solve --policy llm`: DFSDT over the endpoint, every call
journalled. The ideal is calls x latency / concurrency. The peers make the same requests (recorded from our run's
journal of what was asked) with the standard library: one at a time without threads, and from a pool of 32 threads;
the first makes a sample of them, as all would take hours.
"""

from __future__ import annotations

import argparse
import http.client
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from urllib.parse import urlsplit

from toolwise.files import read_json, write_json
from toolwise.llm.endpoint import EndpointModel
from toolwise.llm.transport import HttpAnswer, HttpTransport
from toolwise.pipelines import asking
from toolwise.pipelines.teacher_verbs import endpoints_from, solve_folder_with_model, teacher_from
from toolwise.types import Json

POOL = 32


class Server:
    """A rehearsal teacher in a process of its own."""

    def __init__(self, tasks: Path, latency: float, concurrency: int) -> None:
        options = ["--tasks", str(tasks), "--latency", str(latency), "--concurrency", str(concurrency)]
        command = [sys.executable, "-m", "toolwise", "serve", "teacher", "--port", "0", "--json", *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["address"]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Recording(HttpTransport):
    """Keeps the bodies that are sent."""

    bodies: list[bytes] = []  # noqa: RUF012 # of all endpoints of this run

    async def post(self, url: str, body: bytes, headers: Json, timeout_s: float) -> HttpAnswer:
        self.bodies.append(body)
        return await super().post(url, body, headers, timeout_s)


def some_tasks(folder: Path, count: int, out: Path) -> Path:
    """A folder with the first tasks of another one."""
    inputs = read_json(folder / "inputs.json")
    out.mkdir(parents=True)
    with Path(inputs["tasks"]).open("rb") as source, (out / "tasks.jsonl").open("wb") as target:
        target.writelines(islice(source, count))
    write_json(out / "inputs.json", {**inputs, "tasks": str(out / "tasks.jsonl")})
    return out


def ours(tasks: Path, out: Path, url: str, concurrency: int) -> Json:
    """Solve all tasks; the summary with the seconds and the CPU seconds of this process."""
    endpoints = endpoints_from(None, [url], ["embedded"], (None, None), concurrency=concurrency)
    teacher = teacher_from(endpoints, chat={}, budget={})
    wall, cpu = time.perf_counter(), time.process_time()
    summary = solve_folder_with_model(tasks, out, "dfsdt", teacher)
    return {**summary, "wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


def post(connection: http.client.HTTPConnection, path: str, body: bytes) -> None:
    """One call of a peer."""
    connection.request("POST", path, body, {"content-type": "application/json"})
    answer = connection.getresponse()
    json.loads(answer.read())
    assert answer.status == 200, answer.status


def one_at_a_time(url: str, bodies: Sequence[bytes]) -> float:
    """Calls a second of a loop without threads, over one kept-alive connection."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc)
    start = time.perf_counter()
    for body in bodies:
        post(connection, f"{where.path}/chat/completions", body)
    return len(bodies) / (time.perf_counter() - start)


def thread_pool(url: str, bodies: Sequence[bytes], threads: int) -> float:
    """Calls a second of a pool of threads, each with a kept-alive connection."""
    where = urlsplit(url)
    own = threading.local()

    def call(body: bytes) -> None:
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection(where.netloc)
        post(own.connection, f"{where.path}/chat/completions", body)

    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(call, bodies))
    return len(bodies) / (time.perf_counter() - start)


def report(arguments: argparse.Namespace, work: Path) -> Iterator[str]:
    """Run everything; the lines to print."""
    tasks = some_tasks(arguments.tasks, arguments.count, work / "tasks")
    server = Server(tasks, arguments.latency, arguments.concurrency)
    try:
        measured = ours(tasks, work / "measured", server.url, arguments.concurrency)
        # The bodies for the peers come from a second run, so that keeping them costs the measured one nothing.
        asking.EndpointModel = lambda config, meter: EndpointModel(config, meter=meter, transport=Recording())  # type: ignore[misc,assignment]
        ours(tasks, work / "recorded", server.url, arguments.concurrency)
        bodies = Recording.bodies
        calls = measured["usage"]["calls"]
        rate, ideal = calls / measured["session"]["seconds"], arguments.concurrency / arguments.latency
        yield f"tasks {arguments.count:,}, model calls {calls:,}, funnel {measured['funnel']}"
        yield f"toolwise          {rate:8.1f} calls/s  {rate / ideal:6.1%} of the ideal {ideal:,.0f} calls/s"
        yield f"                  {1000 * measured['cpu'] / calls:8.2f} ms of our CPU a call, all included"
        loop = one_at_a_time(server.url, bodies[: arguments.sample])
        yield f"one at a time     {loop:8.1f} calls/s  toolwise is {rate / loop:.1f} times as fast"
        pool = thread_pool(server.url, bodies, POOL)
        yield f"{POOL} threads        {pool:8.1f} calls/s  toolwise is {rate / pool:.1f} times as fast"
    finally:
        server.stop()


def main() -> None:
    """Parse the options and print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tasks", type=Path)
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--sample", type=int, default=200, help="calls of the one-at-a-time loop")
    work = Path(tempfile.mkdtemp(prefix="annotate-"))
    try:
        for line in report(parser.parse_args(), work):
            print(line, flush=True)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
