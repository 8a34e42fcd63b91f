"""`--engine ray` on a real Ray cluster of two nodes on this machine."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal import Rehearsal, make_tasks
from toolwise.llm.endpoint import EndpointConfig
from toolwise.pipelines.engine import ClusterConfig
from toolwise.pipelines.ray_engine import shares
from toolwise.pipelines.teacher_verbs import endpoints_from, solve_folder_with_model, teacher_from

NODE = {"num_cpus": 1, "object_store_memory": 80 * 1024 * 1024, "node_ip_address": "127.0.0.1"}


@given(st.integers(1, 8), st.integers(8, 100), st.floats(0, 1000), st.floats(0, 1e6))
def test_shares_never_exceed_the_whole(workers: int, concurrency: int, requests: float, tokens: float) -> None:
    endpoint = EndpointConfig(
        base_url="http://localhost:1/v1",
        model="m",
        concurrency=concurrency,
        requests_per_minute=requests,
        tokens_per_minute=tokens,
    )
    divided = [own[0] for own in shares((endpoint,), workers)]
    assert sum(share.concurrency for share in divided) == concurrency
    assert all(share.concurrency >= 1 for share in divided)
    assert sum(share.requests_per_minute for share in divided) == pytest.approx(requests)
    assert sum(share.tokens_per_minute for share in divided) == pytest.approx(tokens)


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tasks(tmp_path_factory.mktemp("ray"), 40)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"  # everything on the loopback address
    ray = pytest.importorskip("ray")
    pytest.importorskip("aiohttp")
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
    made.add_node(**NODE)
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    assert len([node for node in ray.nodes() if node["Alive"]]) == 2
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.fixture(scope="module")
def server(tasks: Path) -> Iterator[Rehearsal]:
    server = Rehearsal("--tasks", tasks, "--latency", "0.1", "--concurrency", "8")
    yield server
    server.stop()


def solve(server: Rehearsal, tasks: Path, out: Path, cluster: ClusterConfig | None, **budget: Any) -> Any:
    endpoints = endpoints_from(None, [server.url], ["embedded"], (None, None), concurrency=8)
    teacher = teacher_from(endpoints, chat={}, budget=budget)
    return solve_folder_with_model(tasks, out, "dfsdt", teacher, resume=True, cluster=cluster)


def test_the_cluster_gives_what_one_process_gives_though_a_worker_is_killed_and_the_budget_runs_out(
    cluster: Any, server: Rehearsal, tasks: Path, tmp_path: Path
) -> None:
    here = solve(server, tasks, tmp_path / "here", None)
    expected = (tmp_path / "here" / "trajectories.jsonl").read_bytes()
    calls = here["usage"]["calls"]

    before = server.stats
    assert before["refused"] == 0
    first = solve(server, tasks, tmp_path / "there", ClusterConfig(workers=2), max_calls=calls // 2)
    assert first["stopped_by"] == "budget"
    assert first["usage"]["calls"] == server.stats["answered"] - before["answered"] == calls // 2

    threading.Thread(target=kill_a_worker, args=(server, before["answered"] + calls // 2 + 8), daemon=True).start()
    second = solve(server, tasks, tmp_path / "there", ClusterConfig(workers=2))
    assert second["session"]["workers_lost"] == 1
    assert second["funnel"] == here["funnel"]
    assert (tmp_path / "there" / "trajectories.jsonl").read_bytes() == expected
    # What was in flight at the kill, or not heard of yet, was asked again, and nothing else.
    answered = server.stats["answered"] - before["answered"]
    assert calls <= answered <= calls + 2 * 8
    assert server.stats["refused"] == 0  # at no time more than eight requests from both workers


def kill_a_worker(server: Rehearsal, after: int) -> None:
    """Kill one of the workers once so many calls have been answered."""
    while server.stats["answered"] < after:
        time.sleep(0.02)
    for process in psutil.process_iter(["cmdline"]):
        if any("ray::RayWorker" in part for part in process.info["cmdline"] or ()):
            process.kill()
            return
