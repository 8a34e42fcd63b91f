"""Fixtures of the tests of servers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serving_catalog import ABACUS, DEPOT, running, save


@pytest.fixture(scope="session")
def one(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("one") / "catalog", DEPOT)


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("two") / "catalog", DEPOT, ABACUS)


@pytest.fixture(scope="session")
def depot_server(one: Path) -> Iterator[dict[str, Any]]:
    with running(one, "--as", "http", "--seed", 5) as about:
        yield about


@pytest.fixture
def depot(depot_server: dict[str, Any], request: pytest.FixtureRequest) -> Iterator[httpx.Client]:
    """A client of the HTTP mock, with a session of its own."""
    headers = {"X-Session": request.node.name}
    with httpx.Client(base_url=depot_server["address"], headers=headers, timeout=20) as client:
        yield client
