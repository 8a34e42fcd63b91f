"""The page: what is shown, what is left out, and that nothing on it can act."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_demo import ATTACK, asking_sample, curve, demo_document, rate, search_sample

from toolwise.errors import RunError
from toolwise.reports import CurvePoint, RunDocument, Sample, page, render_html, render_markdown, write_report
from toolwise.types import Funnel, Message, Metric, Node, Role, Task, Trajectory

VOID = {"meta", "link", "input", "br", "img"}


class Page(HTMLParser):
    """Collects what the tests ask about, and checks that every element is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.stack: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.wrong: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.stack.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.stack or self.stack.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if not self.stack or self.stack[-1] not in {"script", "style"}:
            self.text.append(data)

    def values(self, name: str) -> list[str]:
        return [attributes[name] or "" for _, attributes in self.tags if name in attributes]

    @property
    def shown(self) -> str:
        return " ".join(" ".join(self.text).split())


@pytest.fixture(scope="module")
def html() -> str:
    return render_html(demo_document())


def test_is_well_formed_small_and_has_unique_anchors(html: str) -> None:
    found = Page(html)
    assert not found.wrong
    assert not found.stack
    assert len(html.encode()) < 2_000_000
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    anchors = {href[1:] for href in found.values("href") if href.startswith("#")}
    assert anchors <= set(ids)


def test_loads_nothing(html: str) -> None:
    found = Page(html)
    assert not found.values("src")
    assert all(href.startswith(("#", "data:image/svg+xml,")) for href in found.values("href"))
    assert "url(" not in html
    assert "@import" not in html
    policy = next(a["content"] or "" for t, a in found.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert policy.count("'sha256-") == 2
    assert "unsafe-inline" not in policy.split("script-src")[1]


def test_shows_numbers_with_interval_and_n(html: str) -> None:
    shown = Page(html).shown
    for wanted in ("91.2%", "88.4–93.4%", "n = 512", "Nearest tool: 42.3%", "41,873", "48.9 points above"):
        assert wanted in shown
    assert "6,120 in = 4,218 accepted + 1,871 rejected + 31 failed + 0 pending" in shown
    assert "14 min 12 s" in shown
    assert "2,310 MB" in shown


def test_same_document_same_bytes(html: str) -> None:
    assert render_html(RunDocument.model_validate_json(demo_document().model_dump_json())) == html


@pytest.mark.parametrize(
    ("field", "anchor"),
    [
        ("model", "results"),
        ("retrieval", "retrieval"),
        ("funnels", "funnel"),
        ("samples", "trees"),
        ("catalog", "catalog"),
        ("corpus", "corpus"),
        ("curve", "training"),
        ("seconds", "cost"),
        ("provenance", "provenance"),
    ],
)
def test_section_without_data_is_left_out(field: str, anchor: str) -> None:
    full, empty = demo_document(many=3), RunDocument(title="t")
    update = {field: getattr(empty, field)}
    if field == "model":
        update["baselines"] = {}
    if field == "seconds":
        update["peak_memory_mb"] = None
    assert anchor in Page(render_html(full)).values("id")
    found = Page(render_html(full.model_copy(update=update)))
    assert anchor not in found.values("id")
    assert f"#{anchor}" not in found.values("href")


def test_empty_document_still_renders() -> None:
    found = Page(render_html(RunDocument(title="Nothing yet")))
    assert not found.wrong
    assert "Nothing yet" in found.shown
    assert render_markdown(RunDocument(title="Nothing yet")) == "# Nothing yet\n"


def test_hostile_text_is_only_text() -> None:
    html = render_html(demo_document(hostile=True, many=3))
    found = Page(html)
    assert not found.wrong
    assert ATTACK in found.shown
    assert not [tag for tag, _ in found.tags if tag == "img"]
    assert [tag for tag, _ in found.tags].count("script") == 3
    assert not [name for _, attributes in found.tags for name in attributes if name.startswith("on")]
    data = re.search(r'<script type="application/json" id="numbers">(.*?)</script>', html, re.S)
    assert data is not None
    assert json.loads(data.group(1))["title"].endswith(ATTACK)


def test_embedded_numbers_are_the_document(html: str) -> None:
    data = re.search(r'id="numbers">(.*?)</script>', html, re.S)
    assert data is not None
    numbers = json.loads(data.group(1))
    assert numbers["model"]["unseen_toolset"]["exact_call"]["value"] == 0.912
    assert "samples" not in numbers


def test_numbers_that_are_not_finite_are_shown_as_missing() -> None:
    nan = float("nan")
    document = RunDocument(
        title="t",
        model={"unseen_toolset": {"exact_call": Metric(value=nan, n=0, low=nan, high=nan), "valid_call": rate(1.0, 9)}},
        curve=(CurvePoint(seconds=0, step=0, loss=nan), *curve(__import__("random").Random(1))[:5]),
    )
    html = render_html(document)
    assert "1 reading without a finite loss is not drawn" in Page(html).shown
    assert not re.search(r"\bnan\b", Page(html).shown)
    assert "NaN" not in html.split('id="numbers">')[1].split("</script>")[0]


def test_funnel_without_rows_and_zero_counts() -> None:
    found = Page(render_html(RunDocument(title="t", funnels={"tasks": Funnel()})))
    assert "0 in = 0 accepted + 0 rejected + 0 failed + 0 pending" in found.shown


def test_too_many_samples_are_counted_and_every_split_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "SAMPLE_BYTES", 60_000)
    many = [search_sample(0).model_copy(update={"split": "seen_toolset"}) for _ in range(60)]
    document = RunDocument(title="t", samples=(*many, asking_sample(1)))
    found = Page(render_html(document))
    trees = [i for i in found.values("id") if re.fullmatch(r"tree-\d+", i)]
    assert 1 < len(trees) < 61
    assert "tree-61" in trees
    assert f"{61 - len(trees)} more attempts would not fit" in found.shown


def test_long_text_is_cut_and_says_so() -> None:
    sample = asking_sample(1)
    nodes = (
        sample.trajectory.nodes[0],
        Node(parent=0, message=Message(role=Role.ASSISTANT, content="x" * 50_000), sampled=True),
    )
    long = sample.model_copy(update={"trajectory": sample.trajectory.model_copy(update={"nodes": nodes})})
    html = render_html(RunDocument(title="t", samples=(long,)))
    assert "47,600 more characters" in Page(html).shown
    assert len(html) < 120_000


def test_very_deep_and_odd_trees_render() -> None:
    """A fork at every step, a parent that points forward, and a leaf that does not exist."""
    task = Task(instruction="go", candidates=(), relevant=())
    nodes = [Node(parent=None, message=Message(role=Role.USER, content="go"))]
    for i in range(900):
        nodes.append(Node(parent=max(i - 1, 0), message=Message(role=Role.ASSISTANT, content=f"say {i}")))
    nodes.append(Node(parent=5000, message=Message(role=Role.ASSISTANT, content="stray")))
    trajectory = Trajectory.model_construct(
        task_key="", strategy="dfsdt", policy="", nodes=tuple(nodes), ends={7777: "answered"}, model_calls=0, budget=0
    )
    sample = Sample.model_construct(task=task, trajectory=trajectory, verdict=None, split="", agent="")
    html = render_html(RunDocument.model_construct(**{**dict(RunDocument(title="t")), "samples": (sample,)}))
    assert not Page(html).wrong
    assert "stray" in html


def test_write_is_atomic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "deep" / "report.html"
    assert write_report(demo_document(many=1), target) == target
    before = target.read_bytes()

    def full(self: Path, other: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RunError, match="cannot write the report"):
        write_report(demo_document(many=2), target)
    assert target.read_bytes() == before
    assert [p.name for p in target.parent.iterdir()] == ["report.html"]


def test_write_to_a_place_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="choose another place"):
        write_report(RunDocument(title="t"), tmp_path / "file" / "report.html")


def test_markdown_has_the_same_numbers_and_no_markup_from_outside() -> None:
    text = render_markdown(demo_document(hostile=True, many=1))
    assert "| Unseen toolsets | Trained model | 91.2% (88.4–93.4%, n = 512)" in text
    assert "| Trajectories | 6,120 | 4,218 | 1,871 | 31 | 0 |" in text
    assert "<script" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in rows)
    assert "toolwise demo --out demo-run" in text
