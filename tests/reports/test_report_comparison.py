"""The page of several contenders: what it says, what it links, that nothing on it can act, and that it works."""

from __future__ import annotations

import html as escaping
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from report_demo import ATTACK, asking_sample, rate, search_sample
from test_report_browser import CHROME, needs_browser
from test_report_page import Page

from toolwise.reports import (
    Against,
    Contender,
    Cost,
    RunDocument,
    Sample,
    Source,
    comparison,
    planes,
    render_html,
    render_markdown,
)
from toolwise.types import Verdict

KINDS = {"wrong_argument": "An argument is not the right one.", "loop": "The same call again and again."}


def contender(number: int, value: float, hostile: bool = False) -> Contender:
    return Contender(
        key=f"c{number}",
        name=f"Agent {number}" + (ATTACK if hostile else ""),
        run="run",
        agent=f"agent{number}",
        strategy="dfsdt",
        passed=rate(value, 200),
        by_setting={name: rate(value, 100) for name in ("I1-Inst", "I3-Inst")},
        costs={"model_calls": Cost(mean=2.0 + number, n=200, per_solved=9.5)},
        failures={"wrong_argument": 12 * number, "loop": 3},
        known=200,
        against=None if number == 1 else Against(difference=rate(0.1, 200), tasks=200, better="cannot_tell", p=0.4),
    )


def sample(of: Sample, key: str, failed: bool, raw: str = "../runs/a b/trajectories.jsonl") -> Sample:
    return of.model_copy(
        update={
            "contender": key,
            "verdict": Verdict(key=of.task.key),
            "failure": "wrong_argument" if failed else "",
            "failure_detail": "count is 3, right is 2" if failed else "",
            "failure_node": 1 if failed else None,
            "split": "I1-Inst",
            "raw": raw,
            "line": 7,
        }
    )


def document(hostile: bool = False) -> RunDocument:
    found: list[Sample] = []
    for number in range(4):
        for key, failed in (("c1", False), ("c2", number % 2 == 0)):
            base = search_sample(number, f"{ATTACK} {number}" if hostile else f" {number}")
            found.append(sample(base, key, failed, ATTACK if hostile else "../runs/a b/trajectories.jsonl"))
    found.append(sample(asking_sample(1), "c2", True))
    return RunDocument(
        title="Two" + (ATTACK if hostile else ""),
        contenders=(contender(1, 0.8, hostile), contender(2, 0.6)),
        failure_kinds=KINDS,
        samples=tuple(found),
        attempts=400,
        sources=(Source(name="run", place="../run", tasks=200, rows=201, missing=2, left_out={"not JSON": 1}),),
        notes=(f"a and b have 40 tasks in common{ATTACK if hostile else ''}",),
    )


@pytest.fixture(scope="module")
def html() -> str:
    return render_html(document())


def test_every_part_is_there_and_well_formed(html: str) -> None:
    found = Page(html)
    assert not found.wrong
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    for anchor in ("leaderboard", "settings", "spending", "failures", "pairs", "trees", "sources"):
        assert anchor in ids
        assert f"#{anchor}" in found.values("href")
    assert {href[1:] for href in found.values("href") if href.startswith("#")} <= set(ids)
    for text in (
        "80.0%",
        "cannot tell",
        "40 tasks in common",
        "count is 3, right is 2",
        "1 not JSON",
        "Shown are 9 of 400",
    ):
        assert text in found.shown


def test_raw_rows_are_linked_relative_to_the_page(html: str) -> None:
    assert "../runs/a%20b/trajectories.jsonl" in Page(html).values("href")
    assert comparison.raw_link("/etc/passwd") == ""
    assert comparison.raw_link("javascript:alert(1)") == "javascript%3Aalert%281%29"
    assert comparison.raw_link("//host/x") == ""


def test_the_policy_allows_two_scripts_and_nothing_else(html: str) -> None:
    found = Page(html)
    policy = next(a["content"] or "" for t, a in found.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert policy.count("'sha256-") == 2
    assert not found.values("src")
    assert [tag for tag, _ in found.tags].count("script") == 3


def test_hostile_names_and_observations_are_only_text() -> None:
    html = render_html(document(hostile=True))
    found = Page(html)
    assert not found.wrong
    assert not [tag for tag, _ in found.tags if tag == "img"]
    assert [tag for tag, _ in found.tags].count("script") == 3
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    schemes = {href.split(":")[0] for href in found.values("href") if ":" in href.split("/")[0]}
    assert schemes == {"data"}
    assert "<script>window.pwned" not in render_markdown(document(hostile=True))


def test_shades_labels_and_frontier() -> None:
    assert [comparison.level(share) for share in (0.0, 0.01, 0.5, 1.0)] == [0, 1, 6, 10]
    plane = planes.planes(document())[0]
    assert [spot.label for spot in plane.spots] == ["Agent 1", "Agent 2"]
    assert plane.frontier.count("V") == 0  # the cheaper one is the better one
    same = document().model_copy(update={"contenders": (contender(1, 0.8), contender(1, 0.8))})
    assert [spot.label for spot in planes.planes(same)[0].spots] == ["Agent 1 and 1 other", ""]


def test_a_document_without_contenders_has_none_of_it() -> None:
    html = render_html(RunDocument(title="t"))
    assert "leaderboard" not in html
    assert ".heat" not in html


WRAPPER = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="frame" style="width:{width}px;height:900px;border:0" srcdoc="{page}"></iframe><pre id="found"></pre>
<script>
const frame = document.getElementById("frame");
frame.addEventListener("load", async () => {{
  const found = {{}};
  try {{
    const doc = frame.contentDocument, win = frame.contentWindow, root = doc.documentElement;
    const one = (s) => doc.querySelector(s), all = (s) => [...doc.querySelectorAll(s)];
    const input = (e, value) => {{ e.value = value; e.dispatchEvent(new win.Event("input", {{ bubbles: true }})); }};
    const items = () => all("[data-pair]").filter((e) => !e.hidden);
    const key = (e, name) => {{
      e.dispatchEvent(new win.KeyboardEvent("keydown", {{ key: name, bubbles: true, cancelable: true }}));
    }};
    found.width = [root.scrollWidth, root.clientWidth];
    found.wide = all("body *").filter((e) => !e.closest("svg, .scroll, nav, pre, .filters"))
      .filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1 && !e.classList.contains("unseen"))
      .map((e) => `${{e.tagName}}.${{e.className}}`);
    found.pwned = win.pwned === true;
    found.pairs = items().length;
    found.sides = all("[data-pane]").map((pane) => pane.querySelectorAll(".step").length > 0);
    found.chosen = all("[data-side]").map((side) => side.value);
    found.results = all("[data-pane] > h4 .result").map((e) => e.textContent);
    found.ids = new Set(all("[id]").map((e) => e.id)).size === all("[id]").length;
    const first = one("[data-pair-title]").textContent;
    items()[0].focus();
    key(items()[0], "ArrowDown");
    found.moved = doc.activeElement === items()[1] && items()[1].getAttribute("aria-current") === "true";
    found.other = one("[data-pair-title]").textContent !== first;
    input(one("[data-pair-filter]"), "differ");
    found.differ = items().length;
    input(one("[data-pair-filter]"), "failed");
    found.both = [items().length, one("[data-bench]").hidden];
    input(one("[data-pair-filter]"), "");
    input(one('[data-side="0"]'), "c2");
    found.same = one("[data-pair-parting]").textContent;
    const cell = one("[data-show-failure]");
    cell.addEventListener("click", (event) => event.preventDefault());  // a frame made of text has no address
    cell.click();
    await new Promise((done) => setTimeout(done, 200));
    const shown = all("[data-list] > li").filter((e) => !e.hidden);
    found.failures = shown.map((e) => e.dataset.failure + "/" + e.dataset.agent);
    found.wanted = cell.dataset.showFailure + "/" + cell.dataset.showAgent;
    found.done = true;
  }} catch (error) {{ found.error = String(error); }}
  document.getElementById("found").textContent = JSON.stringify(found);
}});
</script>"""


def browse(tmp_path: Path, width: int, hostile: bool) -> dict[str, Any]:
    wrapper = tmp_path / "wrapper.html"
    page = escaping.escape(render_html(document(hostile=hostile)), quote=True)
    wrapper.write_text(WRAPPER.format(width=width, page=page), encoding="utf-8")
    assert CHROME is not None
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --virtual-time-budget=8000 --window-size=1400,1000 --dump-dom"
    )
    command = [CHROME, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", wrapper.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    match = re.search(r'<pre id="found">(.+?)</pre>', done.stdout, re.S)
    assert match is not None, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(escaping.unescape(match.group(1)))
    return found


@needs_browser
@pytest.mark.parametrize(("width", "hostile"), [(1280, False), (390, True)])
def test_in_a_browser(tmp_path: Path, width: int, hostile: bool) -> None:
    found = browse(tmp_path, width, hostile)
    assert "error" not in found
    assert found["width"][0] <= found["width"][1], found["wide"]
    assert found["pwned"] is False
    assert found["pairs"] == 4
    assert found["sides"] == [True, True]
    assert found["chosen"] == ["c1", "c2"]
    assert found["results"] == ["✓ Passed", "✕ Failed"]
    assert found["ids"] is True
    assert found["moved"] is True
    assert found["other"] is True
    assert found["differ"] == 2
    assert found["both"] == [0, True]
    assert found["same"] == "Both take the same steps."
    assert found["failures"]
    assert set(found["failures"]) == {found["wanted"]}
