"""Schemathesis against the HTTP mock: requests made from its document, answers held to it."""

import subprocess
import sys
from pathlib import Path

import pytest
from serving_catalog import DEPOT, running, save

from small_documents import write_documents
from toolwise.catalog import import_catalog

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "allow_header_conformance",
    "use_after_free",
    "ensure_resource_availability",
)


def schemathesis(document: str, *options: str) -> subprocess.CompletedProcess[str]:
    program = "from schemathesis.cli import schemathesis; schemathesis()"
    fixed = ["--seed", "1", "--no-color", "--generation-database", ":memory:", "--no-shrink", "--warnings", "off"]
    command = [sys.executable, "-c", program, "run", document, "--checks", ",".join(CHECKS), *fixed, *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def catalogs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("schemathesis")
    import_catalog([str(write_documents(folder / "documents"))], folder / "small")
    return {"small": folder / "small", "depot": save(folder / "depot", DEPOT)}


def test_flows_of_two_providers(catalogs: dict[str, Path]) -> None:
    toolsets = ("--toolset", "lake_rowing", "--toolset", "small_loans")
    with running(catalogs["small"], "--as", "http", *toolsets) as about:
        done = schemathesis(about["openapi"], "--phases", "fuzzing,stateful", "--max-examples", "5")
    assert done.returncode == 0, done.stdout[-4000:]
    assert "10 selected" in done.stdout


def test_every_place_of_a_parameter(catalogs: dict[str, Path]) -> None:
    with running(catalogs["depot"], "--as", "http") as about:
        done = schemathesis(about["openapi"], "--phases", "coverage,fuzzing", "--max-examples", "5")
    assert done.returncode == 0, done.stdout[-4000:]
    assert f"{len(DEPOT.tools)} selected" in done.stdout
