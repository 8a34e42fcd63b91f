"""Runs that are killed, cut off from power, short of disk space or begun twice: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import random
import resource
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from loopback_server import Loopback, Received, Wire, serving
from rehearsal import Rehearsal, make_tasks, toolwise
from small_documents import PROVIDERS
from toolwise.store import RunReader

pytest.importorskip("aiohttp")
KILLS = 3


def the_service(wire: Wire, request: Received) -> None:
    """A service whose answers depend on the request alone, so that a run can be compared with another."""
    body = {"id": f"r-{len(request.target)}", "status": "open", "amount": len(request.body)}
    wire.answer(200, orjson.dumps(body), content_type="application/json")


@pytest.fixture(scope="module")
def service() -> Iterator[Loopback]:
    with serving(the_service) as server:
        yield server


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tasks(tmp_path_factory.mktemp("durable"), 36)


@pytest.fixture(scope="module")
def teacher(tasks: Path) -> Iterator[Rehearsal]:
    server = Rehearsal("--tasks", tasks, "--latency", "0.03")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def solved(teacher: Rehearsal, tasks: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("solved") / "R"
    finish(teacher.solve(tasks, out))
    return (out / "trajectories.jsonl").read_bytes()


def finish(command: list[str]) -> Any:
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def kill_when(command: list[str], out: Path, effects: int, seconds: float = 0.0) -> None:
    """Kill the command so many seconds after so many more effects were recorded."""
    before = recorded(out).total()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while recorded(out).total() < before + effects:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    time.sleep(seconds)
    process.kill()
    process.wait()


def recorded(out: Path) -> Counter[str]:
    """Effects on disk by kind."""
    if not (out / "run.sqlite").exists():
        return Counter()
    with RunReader(out) as run:
        effects = [(kind, orjson.loads(value)) for kind, value in run._rows("SELECT kind, value FROM effects")]
    # A call that the world refuses before it is made (arguments that do not fit) reaches no service.
    return Counter(kind for kind, value in effects if kind != "tool" or value["status"] == 200)


def settled(teacher: Rehearsal) -> int:
    """How many calls the teacher has answered, once it works on none."""
    while (stats := teacher.stats)["in_flight"]:
        time.sleep(0.02)
    return int(stats["answered"])


def test_killed_again_and_again_it_repeats_nothing_recorded_and_ends_the_same(
    teacher: Rehearsal, service: Loopback, tasks: Path, tmp_path: Path
) -> None:
    servers = {"_".join(title.lower().split()): service.url for title in PROVIDERS}
    world = {"layers": ["http"], "allowed_hosts": ["127.0.0.1"], "servers": servers, "calls_per_second": 1000.0,
             "allow_destructive": True}  # fmt: skip
    (tmp_path / "world.yaml").write_text(yaml.safe_dump(world))
    options = ("--world", tmp_path / "world.yaml", "--concurrency", 4, "--resume")
    finish(teacher.solve(tasks, tmp_path / "whole", *options))
    expected = (tmp_path / "whole" / "trajectories.jsonl").read_bytes()
    assert recorded(tmp_path / "whole")["tool"] > 30

    out, rng = tmp_path / "killed", random.Random(11)
    calls_before, requests_before = settled(teacher), len(service.received)
    lost: Counter[str] = Counter()
    for _ in range(KILLS):
        kill_when(teacher.solve(tasks, out, *options), out, rng.randint(1, 25), rng.random() / 10)
        on_disk = recorded(out)
        made = {"model": settled(teacher) - calls_before, "tool": len(service.received) - requests_before}
        for kind, count in made.items():
            lost[kind] = count - on_disk[kind]  # in flight at this kill or an earlier one
    interrupted = json.loads(toolwise("status", out, "--json").stdout)
    assert interrupted["state"] == "interrupted"
    assert interrupted["stages"][0]["funnel"]["pending"] > 0
    document = finish(teacher.solve(tasks, out, *options))

    assert (out / "trajectories.jsonl").read_bytes() == expected
    assert document["pending"] == 0
    found = recorded(out)
    assert found == recorded(tmp_path / "whole")
    assert settled(teacher) - calls_before == found["model"] + lost["model"]
    assert len(service.received) - requests_before == found["tool"] + lost["tool"]
    assert 0 <= lost["tool"] <= KILLS * 30  # tasks in flight


def test_after_a_power_cut_the_half_written_end_is_left_out_and_the_rest_kept(
    teacher: Rehearsal, tasks: Path, tmp_path: Path, solved: bytes
) -> None:
    out = tmp_path / "R"
    kill_when(teacher.solve(tasks, out, "--concurrency", 4), out, 40)
    log = out / "run.sqlite-wal"
    size = log.stat().st_size
    assert size > 4096
    with log.open("r+b") as file:
        file.truncate(size - 2000)
        file.seek(size - 3000)
        file.write(os.urandom(500))
    finish(teacher.solve(tasks, out, "--resume"))
    assert (out / "trajectories.jsonl").read_bytes() == solved


def test_a_full_disk_is_one_line_and_nothing_on_it_is_lost(
    teacher: Rehearsal, tasks: Path, tmp_path: Path, solved: bytes
) -> None:
    out = tmp_path / "R"

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    command = [part for part in teacher.solve(tasks, out) if part != "--json"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100, preexec_fn=little_room)
    assert result.returncode == 2
    assert "--resume" in result.stderr
    assert "full" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    kept = recorded(out)["model"]
    assert kept > 0
    before = settled(teacher)
    document = finish(teacher.solve(tasks, out, "--resume"))
    assert (out / "trajectories.jsonl").read_bytes() == solved
    assert settled(teacher) - before == document["usage"]["calls"] - kept


def test_a_second_run_on_the_folder_is_refused_while_the_first_goes_on(tasks: Path, tmp_path: Path) -> None:
    out = tmp_path / "R"
    teacher = Rehearsal("--tasks", tasks, "--latency", "2")
    first = subprocess.Popen(
        teacher.solve(tasks, out, "--concurrency", 1), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while not (out / "run.sqlite").exists():
            time.sleep(0.05)
        second = subprocess.run(
            teacher.solve(tasks, out, "--resume"), capture_output=True, text=True, check=False, timeout=60
        )
        live = json.loads(toolwise("status", out, "--json").stdout)
    finally:
        first.kill()
        first.wait()
        teacher.stop()
    assert second.returncode == 2
    assert "another process" in second.stderr
    assert len(second.stderr.strip().splitlines()) == 1
    assert (live["state"], live["process"]) == ("running", first.pid)


def test_a_page_from_a_proxy_is_named_and_the_run_stops(tasks: Path, tmp_path: Path) -> None:
    def proxy(wire: Wire, request: Received) -> None:
        wire.answer(200, b"<html><title>Please sign in</title></html>", content_type="text/html")

    with serving(proxy) as server:
        where = ("--policy", "llm", "--base-url", f"{server.url}/v1", "--model", "m", "--out", tmp_path / "R")
        result = toolwise("solve", tasks, *where, "--concurrency", 1)
    assert result.returncode == 2
    assert "HTML" in result.stderr
    assert "--base-url" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_a_short_context_shortens_observations_and_says_so(tasks: Path, tmp_path: Path) -> None:
    server = Rehearsal("--tasks", tasks, "--context", "1000")
    try:
        document = finish(server.solve(tasks, tmp_path / "R"))
    finally:
        server.stop()
    assert document["pending"] == 0
    funnel = document["funnel"]
    assert funnel["in"] == funnel["accepted"] + funnel["rejected"] + funnel["failed"]
    assert (
        any("shortened" in notice for notice in document["notices"])
        or "policy_error: context_length" in document["failed"]
    )
