"""Throughput of solving with a language model, against the rehearsal teacher, with two peers in the same run.

    python benchmarks/annotate.py TASKS [--count 2000] [--latency 0.05] [--concurrency 64]

TASKS is a folder that `toolwise tasks` wrote. Ours is `solve --policy llm`: DFSDT over the endpoint, every call
journalled. The ideal is calls x latency / concurrency. The peers make the same requests (recorded from our run's
journal of what was asked) with the standard library: one at a time without threads, and from a pool of 32 threads;
the first makes a sample of them, as all would take hours.

    python benchmarks/annotate.py TASKS --long 100000

solves so many tasks (those of TASKS over and over, each with words of its own) with a model that answers at once, in
this process: all of ours and nothing else. It prints CPU seconds a task and resident memory for each tenth of the run.

    python benchmarks/annotate.py TASKS --workers 1,4 --count 600 --latency 0.2

solves them with so many workers of a Ray cluster on this machine, each with four requests in flight.
"""

from __future__ import annotations

import argparse
import http.client
import json
import resource
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

import orjson
import psutil

from toolwise.corpus.lines import line, read_tasks
from toolwise.files import read_json, write_json
from toolwise.llm.direct import DirectTransport
from toolwise.llm.endpoint import EndpointModel
from toolwise.llm.transport import HttpAnswer
from toolwise.pipelines import asking
from toolwise.pipelines.engine import ClusterConfig
from toolwise.pipelines.teacher_verbs import endpoints_from, solve_folder_with_model, teacher_from
from toolwise.ports import Progress
from toolwise.types import Json

POOL = 32
PLACES = 4
"""Requests in flight of one worker."""


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


class Recording(DirectTransport):
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


class Immediate(DirectTransport):
    """A model that calls the first tool on offer without arguments, and then answers."""

    async def post(self, url: str, body: bytes, headers: Json, timeout_s: float) -> HttpAnswer:
        if b'"role":"tool"' in body:
            message: Json = {"role": "assistant", "content": "That is what I found."}
        else:
            name = body.split(b'"function":{"name":"', 1)[1].split(b'"', 1)[0].decode()
            call = {"id": "1", "type": "function", "function": {"name": name, "arguments": "{}"}}
            message = {"role": "assistant", "content": "I look.", "tool_calls": [call]}
        usage = {"prompt_tokens": len(body) // 4, "completion_tokens": 20}
        return HttpAnswer(
            200, orjson.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})
        )


def on_a_cluster(arguments: argparse.Namespace, work: Path) -> Iterator[str]:
    """The same tasks with few workers and with many."""
    tasks = some_tasks(arguments.tasks, arguments.count, work / "tasks")
    server = Server(tasks, arguments.latency, 0)
    first = 0.0
    try:
        for workers in map(int, arguments.workers.split(",")):
            endpoints = endpoints_from(None, [server.url], ["embedded"], (None, None), concurrency=PLACES * workers)
            summary = solve_folder_with_model(
                tasks,
                work / f"run-{workers}",
                "dfsdt",
                teacher_from(endpoints, chat={}, budget={}),
                cluster=ClusterConfig(workers),
            )
            rate = summary["usage"]["calls"] / summary["session"]["seconds"]
            first = first or rate
            ideal = PLACES * workers / arguments.latency
            yield (
                f"{workers} workers  {rate:8.1f} calls/s  {rate / ideal:6.1%} of the ideal  "
                f"{rate / first:.2f} times the first, funnel {summary['funnel']}"
            )
    finally:
        server.stop()


def many_tasks(folder: Path, count: int, out: Path) -> Path:
    """A folder with so many tasks, each with a key of its own."""
    inputs = read_json(folder / "inputs.json")
    out.mkdir(parents=True)
    with (out / "tasks.jsonl").open("wb") as target:
        made = 0
        while made < count:
            for task in islice(read_tasks(Path(inputs["tasks"])), count - made):
                made += 1
                words = f"{task.instruction} (Request {made}.)"
                target.write(line(task.model_copy(update={"instruction": words}).with_key()))
    write_json(out / "inputs.json", {**inputs, "tasks": str(out / "tasks.jsonl")})
    return out


class Tenths:
    """An observer that notes when each tenth of the tasks was done, and the resident memory then."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.process = psutil.Process()
        self.marks: list[tuple[int, float, float]] = []

    @property
    def resident(self) -> float:
        """In MB."""
        return self.process.memory_info().rss / 1e6

    def __call__(self, event: Progress) -> None:
        if not self.marks or (event.done > self.marks[-1][0] and event.done >= len(self.marks) * self.total / 10):
            # CPU seconds rather than seconds, as other work on the machine is not ours to measure.
            self.marks.append((event.done, time.process_time(), self.resident))

    def lines(self) -> Iterator[str]:
        pairs = list(zip(self.marks, self.marks[1:], strict=False))
        rates = [1000 * (after[1] - before[1]) / (after[0] - before[0]) for before, after in pairs]
        for number, (rate, (_, after)) in enumerate(zip(rates, pairs, strict=True), 1):
            yield f"tenth {number:2}  {rate:6.3f} ms of CPU a task  {after[2]:6.0f} MB resident"
        yield f"last tenth / first tenth: {rates[-1] / rates[0]:.3f}"


def long_run(arguments: argparse.Namespace, work: Path) -> Iterator[str]:
    """One long run with a model that costs nothing."""
    count = arguments.long
    tasks = many_tasks(arguments.tasks, count, work / "tasks")
    asking.EndpointModel = lambda config, meter: EndpointModel(config, meter=meter, transport=Immediate())  # type: ignore[misc,assignment]
    endpoints = endpoints_from(None, ["http://127.0.0.1:1/v1"], ["none"], (None, None))
    tenths = Tenths(count)
    start = time.perf_counter()
    summary = solve_folder_with_model(
        tasks, work / "run", "dfsdt", teacher_from(endpoints, chat={}, budget={}), observer=tenths
    )
    seconds = time.perf_counter() - start
    yield f"tasks {count:,}, model calls {summary['usage']['calls']:,}, {seconds:.0f} s, funnel {summary['funnel']}"
    yield from tenths.lines()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    size = sum(file.stat().st_size for file in (work / "run").iterdir()) / 1e6
    yield f"peak {peak:.0f} MB resident, {size:,.0f} MB on disk"


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
    parser.add_argument("--workers", default="", help="numbers of workers on a Ray cluster, with commas")
    parser.add_argument("--long", type=int, default=0, help="so many tasks with a model that answers at once")
    parser.add_argument("--sample", type=int, default=200, help="calls of the one-at-a-time loop")
    work = Path(tempfile.mkdtemp(prefix="annotate-"))
    try:
        arguments = parser.parse_args()
        chosen = long_run if arguments.long else on_a_cluster if arguments.workers else report
        for text in chosen(arguments, work):
            print(text, flush=True)
    finally:
        shutil.rmtree(work)


if __name__ == "__main__":
    main()
