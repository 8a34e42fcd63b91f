"""The page in a real browser: nothing sticks out, scripts run under the page's own policy, the trees can be browsed."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from report_demo import demo_document

from toolwise.reports import render_html

CHROME = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
needs_browser = pytest.mark.skipif(CHROME is None, reason="no Chromium or Chrome on this machine")

WRAPPER = """<!doctype html><meta charset="utf-8"><body style="margin:0">
<iframe id="frame" style="width:{width}px;height:900px;border:0" srcdoc="{page}"></iframe><pre id="found"></pre>
<script>
const frame = document.getElementById("frame");
frame.addEventListener("load", async () => {{
  const found = {{}};
  try {{
    const doc = frame.contentDocument, win = frame.contentWindow, root = doc.documentElement;
    const trees = () => [...doc.querySelectorAll("article.tree")].filter((t) => !t.hidden).map((t) => t.id);
    const rows = () => [...doc.querySelectorAll("[data-list] > li")].filter((t) => !t.hidden).length;
    const scrolls = (e) => {{
      for (; e && e !== doc.body; e = e.parentElement) {{
        const style = win.getComputedStyle(e);
        if (/auto|scroll|hidden/.test(style.overflowX) || style.position === "fixed") return true;
      }}
      return false;
    }};
    const wide = () => [...doc.body.querySelectorAll("*")].filter((e) => !e.closest("svg") || e.tagName === "svg")
      .filter((e) => e.getBoundingClientRect().right > root.clientWidth + 1 && !scrolls(e.parentElement))
      .map((e) => `${{e.tagName}}.${{e.className.baseVal ?? e.className}}`);
    found.clientWidth = root.clientWidth;
    found.scrollWidth = root.scrollWidth;
    found.wide = wide();
    for (const e of doc.querySelectorAll("details")) e.open = true;
    for (const e of doc.querySelectorAll("article.tree")) e.hidden = false;
    found.openScrollWidth = root.scrollWidth;
    found.openWide = wide();
    for (const e of doc.querySelectorAll("article.tree")) e.hidden = e.id !== "tree-1";
    for (const e of doc.querySelectorAll("details")) e.open = false;
    found.pwned = win.pwned === true;
    found.injected = doc.querySelectorAll("img, script:not([type])").length;
    found.first = trees();
    const link = doc.querySelector("[data-list] a");
    link.focus();
    link.dispatchEvent(new win.KeyboardEvent("keydown", {{ key: "ArrowDown", bubbles: true, cancelable: true }}));
    found.second = trees();
    found.focus = doc.activeElement.getAttribute("href");
    doc.body.dispatchEvent(new win.KeyboardEvent("keydown", {{ key: "/", bubbles: true, cancelable: true }}));
    found.searching = doc.activeElement.type;
    const search = doc.querySelector("[data-search]");
    const input = (e, value) => {{ e.value = value; e.dispatchEvent(new win.Event("input", {{ bubbles: true }})); }};
    found.all = rows();
    input(search, "BOOK table");
    found.matching = rows();
    found.status = doc.querySelector("[data-shown]").textContent;
    input(search, "no such words anywhere");
    found.none = [rows(), trees().length, !doc.querySelector("[data-nothing]").hidden];
    doc.querySelector("[data-reset]").click();
    found.reset = rows();
    input(doc.querySelector('[data-filter="result"]'), "failed");
    found.failed = rows();
    doc.querySelector("[data-reset]").click();
    const target = doc.querySelector("#tree-1 .aside .step");
    win.location.hash = target.id;
    await new Promise((done) => setTimeout(done, 200));
    found.followed = trees();
    found.opened = target.closest("details").open;
    const paper = () => win.getComputedStyle(doc.body).backgroundColor;
    const toggle = doc.querySelector("[data-theme-toggle]");
    toggle.click();
    const light = paper();
    toggle.click();
    found.themes = light !== paper();
    found.done = true;
  }} catch (error) {{ found.error = String(error); }}
  document.getElementById("found").textContent = JSON.stringify(found);
}});
</script>"""


def browse(tmp_path: Path, width: int, hostile: bool) -> dict[str, Any]:
    page = render_html(demo_document(hostile=hostile, many=12))
    wrapper = tmp_path / "wrapper.html"
    wrapper.write_text(WRAPPER.format(width=width, page=html.escape(page, quote=True)), encoding="utf-8")
    assert CHROME is not None
    flags = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
        "--disable-component-update --disable-sync --virtual-time-budget=8000 --window-size=1400,1000 --dump-dom"
    )
    command = [CHROME, *flags.split(), f"--user-data-dir={tmp_path / 'profile'}", wrapper.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    match = re.search(r'<pre id="found">(.+?)</pre>', done.stdout, re.S)
    assert match is not None, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(html.unescape(match.group(1)))
    return found


@needs_browser
@pytest.mark.parametrize(("width", "hostile"), [(1280, False), (390, False), (390, True)])
def test_in_a_browser(tmp_path: Path, width: int, hostile: bool) -> None:
    found = browse(tmp_path, width, hostile)
    assert "error" not in found
    assert width - 20 <= found["clientWidth"] <= width
    assert found["scrollWidth"] <= found["clientWidth"]
    assert found["wide"] == []
    assert found["openScrollWidth"] <= found["clientWidth"]
    assert found["openWide"] == []
    assert found["pwned"] is False
    assert found["injected"] == 2
    assert found["first"] == ["tree-1"]
    assert found["second"] == ["tree-2"]
    assert found["focus"] == "#tree-2"
    assert found["searching"] == "search"
    assert 0 < found["matching"] < found["all"]
    assert found["status"] == f"{found['matching']} of {found['all']} attempts"
    assert found["none"] == [0, 0, True]
    assert found["reset"] == found["all"]
    assert 0 < found["failed"] < found["all"]
    assert found["followed"] == ["tree-1"]
    assert found["opened"] is True
    assert found["themes"] is True


# Contrast, without a browser ------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, 1.4.3."""
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def palettes() -> dict[str, dict[str, str]]:
    css = re.search(r"<style>(.*?)</style>", render_html(demo_document(many=0)), re.S)
    assert css is not None
    found = {}
    for name, start in (
        ("light", ":root {"),
        ("dark", ':root[data-theme="dark"] {'),
        ("auto", ':root:not([data-theme="light"]) {'),
    ):
        block = css.group(1).split(start, 1)[1].split("}", 1)[0]
        found[name] = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))
    return found


def test_text_and_marks_stand_out() -> None:
    found = palettes()
    assert found["dark"] == found["auto"]
    for palette in found.values():
        for text in ("ink", "soft", "faint", "accent"):
            for ground in ("paper", "surface", "sunk"):
                assert contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
        for text in ("good", "bad", "warn", "accent"):
            assert contrast(palette[text], palette[f"{text}-wash"]) >= 4.5, text
        for text in ("code-key", "code-string"):
            assert contrast(palette[text], palette["bad-wash"]) >= 4.5, text
        for mark in ("blue", "orange", "purple", "grey", "ochre", "sky", "green", "red"):
            assert contrast(palette[mark], palette["surface"]) >= 3, mark
