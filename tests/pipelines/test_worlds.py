"""Worlds built from a configuration: layered over a real HTTP service, put through the whole chain with faults."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from small_documents import write_documents
from toolwise.catalog import import_catalog
from toolwise.corpus import read_sft
from toolwise.errors import ConfigError
from toolwise.pipelines.assemble import opened_world
from toolwise.pipelines.verbs import corpus_folder, make_tasks, solve_folder, verify_folder
from toolwise.pipelines.worlds import WorldConfig, world_config
from toolwise.types import (
    Catalog,
    FaultKind,
    Hints,
    HttpBinding,
    Observation,
    ObservationSource,
    ParameterLocation,
    PythonBinding,
    Task,
    Tool,
    ToolCall,
    ToolErrorKind,
    Toolset,
)

REAL, RECORDED, SIMULATED = ObservationSource.REAL, ObservationSource.RECORDED, ObservationSource.SIMULATED


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"id": self.path.rpartition("=")[2], "rows": [{"text": "x" * 50}] * 100}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_GET  # noqa: N815 - the name that the library calls

    def log_message(self, *arguments: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def tools() -> Catalog:
    parameters = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    returns = {"type": "object", "properties": {"id": {"type": "string"}}}

    def http(name: str, method: str) -> Tool:
        locations = {"id": ParameterLocation.QUERY}
        binding = HttpBinding(method=method, path=f"/{name}", locations=locations)
        hints = Hints(read_only=method == "GET", destructive=method == "DELETE")
        return Tool(id=f"shop.{name}", name=name, parameters=parameters, returns=returns, binding=binding, hints=hints)

    local = Tool(id="local.add", name="add", binding=PythonBinding(module="sums", function="add"))
    return Catalog(
        toolsets=(
            Toolset(name="shop", tools=(http("get", "GET"), http("wipe", "DELETE"))),
            Toolset(name="local", tools=(local,)),
        )
    )


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(name=name, arguments=arguments)


def run(config: WorldConfig, *calls: ToolCall) -> list[Observation]:
    async def all_of() -> list[Observation]:
        async with opened_world(config, tools()) as world:
            session = world.open(Task(key="t", instruction="", candidates=(), relevant=()))
            return [await session.call(one) for one in calls]

    return asyncio.run(all_of())


def test_the_record_then_the_service_then_the_simulation(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    config = world_config(
        "replay,http,simulated",
        record=tmp_path / "record.jsonl",
        allow_hosts=["127.0.0.1"],
        servers=[f"shop=http://127.0.0.1:{server.server_port}"],
    )
    first = run(config, call("shop.get", id="a"), call("shop.wipe", id="a"), call("local.add"))
    assert [seen.source for seen in first] == [REAL, SIMULATED, SIMULATED]  # nobody consented to the deletion
    server.shutdown()
    server.server_close()
    second = run(config, call("shop.get", id="a"), call("shop.get", id="b"))
    assert [seen.source for seen in second] == [RECORDED, SIMULATED]
    assert second[0].body == first[0].body
    assert len((tmp_path / "record.jsonl").read_text().splitlines()) == 1
    alone = run(WorldConfig(layers=("replay",), record=tmp_path / "record.jsonl"), call("shop.get", id="a"))
    assert alone[0].body == first[0].body


def test_a_real_world_on_record_alone(server: ThreadingHTTPServer, tmp_path: Path) -> None:
    config = WorldConfig(
        layers=("http",),
        record=tmp_path / "record.jsonl",
        allowed_hosts=("127.0.0.1",),
        servers={"shop": f"http://127.0.0.1:{server.server_port}"},
    )
    seen = run(config, call("shop.get", id="a"), call("shop.get", id="a"), call("local.add"))
    assert [one.source for one in seen[:2]] == [REAL, REAL]
    assert seen[2].error is ToolErrorKind.REFUSED
    assert len((tmp_path / "record.jsonl").read_text().splitlines()) == 2


def test_what_no_layer_can_run_is_refused(tmp_path: Path) -> None:
    seen = run(WorldConfig(layers=("replay", "http"), record=tmp_path / "record.jsonl"), call("local.add"))
    assert seen[0].error is ToolErrorKind.REFUSED


def test_faults_and_compression_wrap_any_world(server: ThreadingHTTPServer) -> None:
    values = {
        "layers": ["http"],
        "allowed_hosts": ["127.0.0.1"],
        "servers": {"shop": f"http://127.0.0.1:{server.server_port}"},
    }
    short = run(WorldConfig.model_validate({**values, "compression": {"limit": 100}}), call("shop.get", id="a"))
    assert short[0].body["id"] == "a"
    assert "…" in short[0].content
    faulty = WorldConfig.model_validate({**values, "faults": {"rates": {"html": 1.0}}})
    assert run(faulty, call("shop.get", id="a"))[0].fault is FaultKind.HTML


def test_aws_without_an_endpoint_is_refused_before_any_call() -> None:
    with pytest.raises(ConfigError, match="endpoint"):
        run(WorldConfig(layers=("aws",)))


def test_settings_do_not_depend_on_the_hash_seed() -> None:
    kinds = WorldConfig().model_dump(mode="json")["rule"]["falls_through"]
    assert kinds == sorted(kinds, key=list(ToolErrorKind).index)


def test_a_file_names_the_world_and_flags_add_to_it(tmp_path: Path) -> None:
    path = tmp_path / "world.yaml"
    path.write_text("layers: [replay, simulated]\nrecord: calls.jsonl\nfaults: {rate: 0.1}\n")
    config = world_config(str(path), allow_hosts=["localhost"])
    assert config.record is not None
    assert config.record.is_absolute()
    assert config.allowed_hosts == ("localhost",)
    assert config.faults.rate == 0.1
    path.write_text("layer: simulated\n")
    with pytest.raises(ConfigError, match="did you mean 'layers'"):
        world_config(str(path))


def test_faults_reach_the_corpus_with_their_labels(tmp_path: Path) -> None:
    import_catalog([str(write_documents(tmp_path / "documents"))], tmp_path / "catalog")
    make_tasks(tmp_path / "catalog", tmp_path / "tasks", (60, 5), workers=1)
    rates = {FaultKind.SERVER_ERROR: 0.2, FaultKind.RATE_LIMITED: 0.2, FaultKind.PROMPT_INJECTION: 0.2}
    world = WorldConfig.model_validate({"faults": {"rates": rates}})
    solve_folder(tmp_path / "tasks", tmp_path / "solved", "dfsdt", world=world, workers=1)
    summary = verify_folder(tmp_path / "solved", tmp_path / "verified", workers=1)  # in the same world
    assert summary["funnel"]["accepted"] > 0.6 * summary["funnel"]["in"]
    assert "replay_differs" not in summary["funnel"]["reasons"]
    corpus_folder(tmp_path / "verified", tmp_path / "corpus")
    observed = []
    for file in (tmp_path / "corpus" / "sft").glob("*.jsonl"):
        for example in read_sft(file):
            answers = [message for message in example.messages if message["role"] == "tool"]
            assert len(example.observed) == len(answers)
            observed += zip(example.observed, answers, strict=True)
    assert {one.fault for one, _ in observed} == {None, *rates}
    assert {one.source for one, _ in observed} == {SIMULATED}
    assert all(
        json.loads(answer["content"])["status"] >= 429 for one, answer in observed if one.fault in list(rates)[:2]
    )
    line = next((tmp_path / "corpus" / "retrieval").glob("*.jsonl")).read_text().splitlines()[0]
    assert json.loads(line)["sources"] == ["simulated"]
