import math
from typing import Any

from toolwise.llm.turns import MAX_TURNS, SWITCH, Road, TurnSearch
from toolwise.models.chat import ParsedCall, ParsedTurn

SPEAKS = ParsedTurn("Done.")


def calls(value: Any) -> ParsedTurn:
    return ParsedTurn("", (ParsedCall("get", {"id": value}),))


def test_a_turn_without_doubt_ends_the_search() -> None:
    search = TurnSearch(doubt=lambda turn: 0.0)
    search.add((1, 2), calls(1), -3.0, [Road(-0.1, (1, 3))])
    assert search.next_roads() == []
    assert search.best().tokens == (1, 2)


def test_doubt_opens_the_likeliest_roads_first_and_only_those_that_can_win() -> None:
    search = TurnSearch(doubt=lambda turn: 2.0)
    search.add((1, 2), calls(1), -1.0, [Road(-0.5, (3,)), Road(-2.5, (4,)), Road(-3.5, (5,))])
    assert [road.tokens for road in search.next_roads()] == [(3,), (4,)]


def test_the_turn_of_most_worth_wins() -> None:
    doubts = {1: 4.0, 2: 0.0, 3: 4.0}
    search = TurnSearch(doubt=lambda turn: doubts[turn.calls[0].arguments["id"]])
    search.add((1,), calls(1), -1.0, [Road(-2.0, (2,))])
    assert search.next_roads()
    search.add((2,), calls(2), -2.0, [])
    search.add((3,), calls(3), -1.5, [])
    assert search.best().tokens == (2,)


def test_turns_to_avoid_and_unreadable_ones_are_worth_nothing() -> None:
    search = TurnSearch(avoid=frozenset({(1, 2)}))
    search.add((1, 2), calls(1), -1.0, [Road(-1.0, (1, 2)), Road(-9.0, (1,)), Road(-5.0, (3,))])
    search.add((4,), None, -1.0, [])
    assert search.best().worth == -math.inf
    assert [road.tokens for road in search.next_roads()] == [(3,)], "roads that lead only to what is avoided are closed"


def test_a_model_that_babbles_is_not_searched() -> None:
    search = TurnSearch(doubt=lambda turn: 0.0)
    search.add((1,), None, -1.0, [Road(-0.5, (2,))])
    assert search.next_roads() == []


def test_speaking_instead_of_calling_is_doubted() -> None:
    search = TurnSearch()
    search.add((1,), calls(1), -9.0, [])
    search.add((2,), SPEAKS, -9.0 + SWITCH - 0.1, [])
    assert search.best().tokens == (1,)
    search.add((3,), SPEAKS, -9.0 + SWITCH + 0.1, [])
    assert search.best().tokens == (3,)


def test_the_number_of_turns_is_bounded() -> None:
    search = TurnSearch(doubt=lambda turn: math.inf)
    search.add((0,), calls(0), -1.0, [Road(-2.0, (1, n)) for n in range(100)])
    while roads := search.next_roads():
        for road in roads:
            search.add(road.tokens, calls(0), road.score, [])
    assert len(search.endings) == MAX_TURNS
