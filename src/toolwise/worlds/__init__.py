"""Worlds: where tools run."""

from toolwise.worlds.faults import FaultConfig, FaultyWorld
from toolwise.worlds.responses import ResponseLimits
from toolwise.worlds.simulated import SimulatedSession, SimulatedWorld
from toolwise.worlds.tooling import ToolsetSource

__all__ = ["FaultConfig", "FaultyWorld", "ResponseLimits", "SimulatedSession", "SimulatedWorld", "ToolsetSource"]
