"""Worlds: where tools run."""

from toolwise.worlds.compression import CompressedWorld, CompressionConfig, CompressionRule
from toolwise.worlds.faults import FaultConfig, FaultyWorld
from toolwise.worlds.layered import Layer, LayeredWorld, LayerRule
from toolwise.worlds.llm import ExecutorConfig, LlmWorld
from toolwise.worlds.record import CallRecord
from toolwise.worlds.replay import RecordingWorld, ReplayWorld
from toolwise.worlds.responses import ResponseLimits
from toolwise.worlds.simulated import SimulatedSession, SimulatedWorld
from toolwise.worlds.tooling import ToolsetSource
from toolwise.worlds.transient import RefusalsWorld, TransientConfig, TransientWorld

__all__ = [
    "CallRecord",
    "CompressedWorld",
    "CompressionConfig",
    "CompressionRule",
    "ExecutorConfig",
    "FaultConfig",
    "FaultyWorld",
    "Layer",
    "LayerRule",
    "LayeredWorld",
    "LlmWorld",
    "RecordingWorld",
    "RefusalsWorld",
    "ReplayWorld",
    "ResponseLimits",
    "SimulatedSession",
    "SimulatedWorld",
    "ToolsetSource",
    "TransientConfig",
    "TransientWorld",
]
