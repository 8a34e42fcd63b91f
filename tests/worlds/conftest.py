"""Fixtures of the tests of worlds."""

from typing import Any

import pytest
from example_toolsets import Call, catalog, task

from toolwise.types import Observation, ToolCall
from toolwise.worlds import SimulatedSession, SimulatedWorld


@pytest.fixture(scope="session")
def world() -> SimulatedWorld:
    return SimulatedWorld(catalog())


@pytest.fixture
def session(world: SimulatedWorld) -> SimulatedSession:
    return world.open(task())


@pytest.fixture
def call(session: SimulatedSession) -> Call:
    def run(tool: str, /, **arguments: Any) -> Observation:
        return session.run(ToolCall(name=tool, arguments=arguments))

    return run
