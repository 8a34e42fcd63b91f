"""Verdicts against `bfcl-eval`'s own, where it is installed; the benchmark compares many more."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import orjson
import pytest

from toolwise.evaluation.calls.ast_rules import Mismatch, check_calls

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"


def _load(name: str):  # noqa: ANN202 - a module from a file
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def test_verdicts_equal_the_peers() -> None:
    peers, mutations = _load("bfcl_peer"), _load("bfcl_mutations")
    try:
        peer = peers.load_peer()
    except RuntimeError as error:
        pytest.skip(str(error))
    if peer is None:
        pytest.skip("bfcl-eval is not installed")
    rng, compared = random.Random(3), 0
    for category in ("simple_python", "live_simple", "parallel_multiple", "live_multiple"):
        questions = (peer.data / f"BFCL_v4_{category}.json").read_bytes().splitlines()[:120]
        answers = (peer.data / "possible_answer" / f"BFCL_v4_{category}.json").read_bytes().splitlines()
        for question, answer in zip(map(orjson.loads, questions), map(orjson.loads, answers), strict=False):
            functions, right = question["function"], answer["ground_truth"]
            accepted = mutations.accepted_calls(right, functions, rng)
            names = [function["name"] for function in functions]
            for calls in (accepted, *(mutations.mutated(accepted, names, rng) for _ in range(4))):
                theirs = peer.verdict(functions, calls, right, category)
                fault = check_calls(functions, right, [next(iter(call.items())) for call in calls])
                compared += 1
                if (fault is None) != theirs:
                    assert fault is None and len(right) > 1, (question["id"], calls, fault)
    assert compared > 2000
    assert Mismatch.NO_MATCH in Mismatch
