"""Geometry: marks stay on the chart and keep their order; ticks are round; counts keep their sums."""

from __future__ import annotations

import itertools
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_demo import ATTACK, curve, rate, search_sample

from toolwise.reports import CurvePoint, charts, page, sections, trees, wording
from toolwise.types import Metric


@given(st.floats(0, 1), st.integers(1, 10_000))
def test_marks_keep_order_and_stay_inside(value: float, n: int) -> None:
    legend = sections.series(["model"])
    panel = charts.interval_panel("exact_call", [("", {"model": rate(value, n)})], legend)
    (mark,) = panel.groups[0].marks
    assert 0 <= mark.low <= mark.x + 0.01
    assert mark.x <= mark.high + 0.01
    assert mark.high <= 100
    assert mark.x == pytest.approx(100 * value, abs=0.011)
    assert panel.groups[0].note == f"n = {n:,}"


def test_values_beyond_the_scale_of_fractions_get_their_own_axis() -> None:
    metric = Metric(value=40, n=3, low=30, high=50, unit="ms")
    panel = charts.interval_panel("latency", [("a", {"model": metric})], sections.series(["model"]))
    assert panel.axis == "ms"
    assert panel.groups[0].marks[0].x == 80


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 8))
def test_ticks_are_inside_evenly_spaced_and_few(low: float, span: float, wanted: int) -> None:
    ticks = charts.nice_ticks(low, low + span, wanted)
    assert len(ticks) <= wanted + 2
    slack = span * 1e-6 + 1e-6
    assert all(low - slack <= tick <= low + span + slack for tick in ticks)
    gaps = [b - a for a, b in itertools.pairwise(ticks)]
    assert all(math.isclose(gap, gaps[0], rel_tol=1e-6) for gap in gaps)


@given(st.floats(0, 1))
def test_percent_never_rounds_to_certainty(value: float) -> None:
    text = wording.percent(value)
    assert (text == "100.0%") == (value == 1)
    assert (text == "0.0%") == (value == 0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.04 s"),
        (9.6, "9.6 s"),
        (59.99, "1 min 00 s"),
        (125, "2 min 05 s"),
        (3720, "1 h 02 min"),
        (3599.6, "1 h 00 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert wording.duration(seconds) == text


def test_curve_marks_stages_and_thins() -> None:
    found = charts.curve(curve(random.Random(3)))
    assert found is not None
    assert [stage.label for stage in found.stages] == ["Synthetic", "Real documents"]
    assert sum(stage.width for stage in found.stages) == pytest.approx(100, abs=0.1)
    assert len(found.readings) <= charts.READINGS + 2
    assert len(found.dev_points) == 10
    assert found.x_label == "minutes"


@given(
    st.lists(
        st.tuples(st.floats(0, 1e5), st.floats(allow_nan=True, allow_infinity=True), st.sampled_from("ab")), max_size=40
    )
)
def test_any_curve_is_drawn_or_left_out(readings: list[tuple[float, float, str]]) -> None:
    points = [CurvePoint(seconds=s, step=i, loss=loss, stage=stage) for i, (s, loss, stage) in enumerate(readings)]
    found = charts.curve(points)
    if found is not None:
        assert "nan" not in found.raw + found.smooth
        assert "inf" not in found.raw + found.smooth


def test_headlines_prefer_unseen_and_name_the_best_rival() -> None:
    from report_demo import demo_document

    lines = sections.headlines(demo_document(many=0))
    assert [(line.label, line.value) for line in lines] == [
        ("Exact call", "91.2%"),
        ("Exact call", "86.1%"),
        ("Pass, DFSDT", "81.8%"),
        ("nDCG@5", "65.7%"),
    ]
    assert lines[0].rival_text == "Nearest tool: 42.3%"
    assert lines[3].rival_text == "Dense bi-encoder: 58.8%"


def test_the_best_retriever_is_found_not_assumed() -> None:
    from report_demo import demo_document

    document = demo_document(many=0)
    retrieval = {**document.retrieval, "fusion": {"ndcg@5": rate(0.1, 100)}}
    line = sections.headlines(document.model_copy(update={"retrieval": retrieval}))[3]
    assert line.note.startswith("Dense bi-encoder")


# Search trees ---------------------------------------------------------------------------------------------------------


def test_main_line_is_the_way_to_the_answer_and_every_message_is_shown_once() -> None:
    sample = search_sample(0)
    view = trees.tree_view(sample, 1)
    steps = [item for item in view.main.items if isinstance(item, trees.StepView)]
    assert [step.number for step in steps if step.number] == [4, 5, 6]
    assert steps[-1].answered

    def indices(attempt: trees.Attempt) -> list[int]:
        found: list[int] = []
        for item in attempt.items:
            found += [item.index] if isinstance(item, trees.StepView) else indices(item)
        return found

    assert sorted(indices(view.main)) == list(range(len(sample.trajectory.nodes)))
    assert len(view.map.dots) == 6
    assert len({(dot.x, dot.y) for dot in view.map.dots}) == 6
    assert view.facts == (("https://storage.example.com/field-notes-2024/report.pdf", True),)
    assert view.expected[1].references == (("bucket", "from the answer to call 1: items[0].id"),)


def test_errors_and_ends_are_named() -> None:
    view = trees.tree_view(search_sample(2), 1)
    aside = next(item for item in view.main.items if isinstance(item, trees.Attempt))
    assert aside.end == "step limit reached"
    observation = next(i for i in aside.items if isinstance(i, trees.StepView) and i.kind == "observation")
    assert observation.error == "invalid arguments"
    assert view.result == "failed"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
    )
)
def test_json_markup_keeps_the_text(value: object) -> None:
    text = trees.pretty(value)
    marked = page.json_markup(text)
    assert marked.striptags is not None
    plain = str(marked).replace("<b>", "").replace("</b>", "").replace("<i>", "").replace("</i>", "")
    assert plain.count("<") == 0
    from markupsafe import Markup

    assert Markup(plain).unescape() == text  # noqa: S704


def test_json_markup_of_an_attack() -> None:
    assert "<script" not in str(page.json_markup(trees.pretty({ATTACK: [ATTACK]})))
