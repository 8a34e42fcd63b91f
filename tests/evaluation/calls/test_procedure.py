from __future__ import annotations

import pytest

from toolwise.evaluation.calls.placeholders import Placeholder, read_arguments
from toolwise.evaluation.calls.procedure import ReferenceCall, Solution, StepDone, check_procedure, check_response

FUNCTIONS = {"find", "book", "cancel"}
REFERENCE = [ReferenceCall("find", {"city": "Bern"}), ReferenceCall("book", {"id": Placeholder("id", "find")})]
FOUND = StepDone("find", {"city": "bern", "limit": 3}, 'Status Code: 200. Response: {"id": "h-7", "name": "Adler"}')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"id": ${id from find}}', {"id": Placeholder("id", "find")}),
        ('{"id": "${id from find}", "n": 1}', {"id": Placeholder("id", "find"), "n": 1}),
        ('{"start": ${start date}", "n": 1}', {"start": Placeholder("start date"), "n": 1}),
        ('{"u": ${userId from logIn, "t": ${token from logIn}}', None),
        ('{"password": "Pa$$w0rd"}', {"password": "Pa$$w0rd"}),
        ("not json", None),
    ],
)
def test_placeholders_are_read_though_they_are_no_json(text: str, expected: object) -> None:
    found = read_arguments(text)
    if expected is None and found is not None:
        assert set(found) == {"u", "t"}
    else:
        assert found == expected


def test_a_value_must_flow_from_the_call_that_returns_it() -> None:
    right = Solution((FOUND, StepDone("book", {"id": "h-7"}, "{}")), "Adler is booked")
    assert check_procedure(REFERENCE, right, FUNCTIONS) == ""
    invented = Solution((FOUND, StepDone("book", {"id": "h-9"}, "{}")))
    assert "book" in check_procedure(REFERENCE, invented, FUNCTIONS)
    too_early = Solution((StepDone("book", {"id": "h-7"}, "{}"), FOUND))
    assert "book" in check_procedure(REFERENCE, too_early, FUNCTIONS)
    unrecorded = Solution((StepDone("find", {"city": "Bern"}), StepDone("book", {"id": "h-9"})))
    assert check_procedure(REFERENCE, unrecorded, FUNCTIONS) == "", "without observations the edge is all there is"


def test_further_calls_must_have_a_reason() -> None:
    steps = (FOUND, FOUND, StepDone("book", {"id": "h-7"}))
    assert check_procedure(REFERENCE, Solution(steps), FUNCTIONS) == "", "a retry"
    assert "cancel" in check_procedure(REFERENCE, Solution((*steps, StepDone("cancel", {}))), FUNCTIONS)
    failed = StepDone("find", {"city": "Bern"}, "Status Code: 500. Response: {}")
    assert check_procedure(REFERENCE[:1], Solution((failed,)), FUNCTIONS) != ""


def test_the_response_rests_on_what_came_back() -> None:
    assert check_response(REFERENCE[:1], Solution((FOUND,), "It is the Adler.")) == ""
    assert check_response(REFERENCE[:1], Solution((FOUND,), "It is the Krone.")) != ""
    assert check_response(REFERENCE[:1], Solution((FOUND,), " ")) != ""
