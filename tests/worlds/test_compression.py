import asyncio
from typing import Any

import orjson
import pytest
from example_toolsets import catalog, task
from hypothesis import given
from hypothesis import strategies as st

from toolwise.types import Json, Observation, ObservationSource, ToolCall, ToolErrorKind
from toolwise.worlds import SimulatedWorld
from toolwise.worlds.compression import (
    LEAST_TOKENS,
    CompressedWorld,
    CompressionConfig,
    CompressionRule,
    compress,
    pointer,
    pointer_path,
)
from toolwise.worlds.tokens import TokenCounter, approximate_tokens

NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text() | st.text(min_size=30, max_size=400)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(max_size=12), inner, max_size=20),
    max_leaves=60,
)
STATUSES = st.sampled_from([(200, None), (404, ToolErrorKind.NOT_FOUND), (200, ToolErrorKind.MALFORMED)])
COUNTERS: dict[str, TokenCounter] = {
    "estimate": approximate_tokens,
    "characters": len,
    "bytes": lambda text: len(text.encode()),
    "words": lambda text: len(text.split()),
}


def seen(body: Json, status: int = 200, error: ToolErrorKind | None = None) -> Observation:
    return Observation(status=status, body=body, error=error, source=ObservationSource.REAL)


def issues(number: int) -> list[dict[str, Any]]:
    return [
        {
            "id": f"i-{at}",
            "title": f"Title {at}",
            "status": "open",
            "links": {"self": "https://a.test/" + "x" * 60},
            "metadata": {"etag": "e" * 40, "rev": at},
        }
        for at in range(number)
    ]


@given(JSON, STATUSES, st.integers(LEAST_TOKENS, 400), st.sampled_from(sorted(COUNTERS)), st.lists(st.text(max_size=6)))
def test_never_longer_than_n_and_always_json(
    body: Json, outcome: tuple[int, ToolErrorKind | None], limit: int, counter: str, keep: list[str]
) -> None:
    count = COUNTERS[counter]
    limit = limit if counter != "bytes" else limit + 32
    before = seen(body, *outcome)
    rule = CompressionRule(tool="t.x", keep=tuple(pointer([key]) for key in keep))
    after = compress(before, rule, limit, count)
    orjson.loads(after.content)
    assert count(after.content) <= limit
    assert compress(before, rule, limit, count) == after
    assert (after.status, after.error, after.source) == (before.status, before.error, before.source)
    if count(before.content) <= limit:
        assert after is before
    else:
        assert "…" in after.content


@pytest.mark.parametrize("body", [2**80, "\ud800 and more", {"a": [2**70] * 50}])
def test_what_cannot_be_written_as_json_is_made_writable(body: Json) -> None:
    after = compress(seen(body), None, 64)
    assert approximate_tokens(after.content) <= 64


def test_nesting_without_end_is_cut() -> None:
    body: Json = "bottom"
    for _ in range(600):
        body = {"in": [body]}
    assert orjson.loads(compress(seen(body), None, 2048).content)["in"]


def test_the_rules_keys_are_kept_and_the_others_named() -> None:
    rule = CompressionRule(tool="t.x", keep=("/items/*/id", "/items/*/title", "/total"))
    after = compress(seen({"items": issues(20), "total": 20, "etag": "x" * 900}), rule, 600)
    assert after.body["total"] == 20
    assert after.body["items"][19] == {"id": "i-19", "title": "Title 19"}
    assert after.body["…"] == "left out: items.status, items.links, items.metadata, etag"


def test_a_rule_orders_what_is_cut() -> None:
    body = {"first": "a" * 2000, "second": "b" * 2000, "key": "k-1"}
    rule = CompressionRule(tool="t.x", keep=("/key", "/second", "/first"))
    after = compress(seen(body), rule, 100).body
    assert after["key"] == "k-1"
    assert after["second"].startswith("bbbb")
    assert after["second"].endswith("…")
    assert list(after) == ["first", "second", "key"]  # the answer's own order


def test_a_rule_that_fits_nothing_does_not_empty_the_answer() -> None:
    rule = CompressionRule(tool="t.x", keep=("/nowhere",))
    after = compress(seen({"id": "i-1", "text": "word " * 3000}), rule, 200).body
    assert after["id"] == "i-1"
    assert after["text"].startswith("word word")


def test_lists_keep_their_beginning_and_count_the_rest() -> None:
    after = compress(seen(issues(300)), None, 512).body
    assert after[0] == issues(1)[0]
    assert after[-1] == f"… {301 - len(after)} more"
    assert approximate_tokens(orjson.dumps(after).decode()) > 400  # the room is used


def test_an_error_keeps_its_kind_and_status() -> None:
    after = compress(
        seen({"error": {"code": "x", "message": "m" * 9000}}, 400, ToolErrorKind.INVALID_ARGUMENTS), None, 64
    )
    content = orjson.loads(after.content)
    assert content["status"] == 400
    assert content["error"]["code"] == "x"


@given(st.lists(st.text(), min_size=1))
def test_pointers_round_trip(path: list[str]) -> None:
    assert pointer_path(pointer(path)) == tuple(path)


def test_a_world_compresses_what_its_model_would_not_bear() -> None:
    call = ToolCall(name="library.createShelf", arguments={"title": "Maps " * 400})
    plain = SimulatedWorld(catalog()).open(task())
    session = CompressedWorld(SimulatedWorld(catalog()), {}, CompressionConfig(limit=100)).open(task())
    whole, short = asyncio.run(plain.call(call)), asyncio.run(session.call(call))
    assert approximate_tokens(whole.content) > 100 >= approximate_tokens(short.content)
    assert short.body["shelf_id"] == whole.body["shelf_id"]
    assert session.state() == plain.state()
    token = session.snapshot()
    session.restore(token)
    exact = CompressedWorld(SimulatedWorld(catalog()), count=lambda text: 1).open(task())
    assert asyncio.run(exact.call(call)) == whole


def test_the_estimate_is_cautious_about_what_costs_most() -> None:
    assert approximate_tokens("") == 0
    assert approximate_tokens("3405691582") == 10
    assert approximate_tokens('{"id":1}') == 7
    assert approximate_tokens("the shelf is open") >= 4
    assert approximate_tokens("世界") >= 2
