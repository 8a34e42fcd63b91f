"""Worlds: where tools run."""

from toolwise.worlds.responses import ResponseLimits
from toolwise.worlds.simulated import SimulatedSession, SimulatedWorld

__all__ = ["ResponseLimits", "SimulatedSession", "SimulatedWorld"]
