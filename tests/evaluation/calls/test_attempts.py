from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolwise.evaluation.calls.attempts import Attempted, python_calls, read_attempt
from toolwise.evaluation.calls.literals import NotAValue


@pytest.mark.parametrize(
    ("output", "attempted"),
    [
        ("[f(a=1)]", Attempted.CALLED),
        ("f(a=1), g()", Attempted.CALLED),
        ("```[f(a=1)]```", Attempted.CALLED),
        ("[]", Attempted.ABSTAINED),
        ("", Attempted.ABSTAINED),
        (None, Attempted.ABSTAINED),
        ("I cannot do this.", Attempted.ABSTAINED),
        ("[f(a=1", Attempted.UNPARSABLE),
        ("[f(a=1) for x in y]", Attempted.UNPARSABLE),
        ("I would use f(a=1).", Attempted.UNPARSABLE),
        ('<tool_call>{"name": "f", "arguments": {"a": 1}}</tool_call>', Attempted.CALLED),
        ('<tool_call>{"name": "f", "argum', Attempted.UNPARSABLE),
        ([{"f": '{"a": 1}'}], Attempted.CALLED),
        ([{"f": "{a: 1}"}], Attempted.UNPARSABLE),
        ([{"name": "f", "arguments": {"a": 1}}], Attempted.CALLED),
        ([{"type": "function", "function": {"name": "f", "arguments": "{}"}}], Attempted.CALLED),
        ([], Attempted.ABSTAINED),
        ([{}], Attempted.ABSTAINED),
        (7, Attempted.UNPARSABLE),
    ],
)
def test_what_was_attempted(output: Any, attempted: Attempted) -> None:
    assert read_attempt(output, ["f"]).attempted is attempted


def test_values_are_read_from_the_syntax_and_never_run() -> None:
    calls = python_calls("[a.f(x=-1, y=+5, z=2*3, t=(1, [2]), d={'k': None}, v=name, n=g(q=1), e=not True)]")
    assert calls == [
        (
            "a.f",
            {"x": -1, "y": 5, "z": 6, "t": (1, [2]), "d": {"k": None}, "v": "name", "n": {"g": {"q": 1}}, "e": False},
        )
    ]
    for text in ("[f(a=2*__import__('os').getpid())]", "[f(a=9**9**9)]", "[f(a='x'*10**9)]", "[f(a=x+1)]"):
        with pytest.raises(NotAValue):
            python_calls(text)


@given(st.text(max_size=60) | st.lists(st.dictionaries(st.text(max_size=3), st.integers(), max_size=2), max_size=3))
@settings(max_examples=200, deadline=None)
def test_nothing_makes_it_raise(output: Any) -> None:
    assert read_attempt(output, ["f"]).attempted in Attempted
