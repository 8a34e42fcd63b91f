(() => {
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // A number in the table of failures shows its attempts.
  for (const link of all("[data-show-failure]")) {
    link.addEventListener("click", () => {
      const wanted = { failure: link.dataset.showFailure, agent: link.dataset.showAgent };
      one("[data-filters]").reset();
      for (const [name, value] of Object.entries(wanted)) {
        const control = one(`[data-filter="${name}"]`);
        if (control) control.value = value;
      }
      one("[data-filters]").dispatchEvent(new Event("input"));
    });
  }

  // Two agents on one task.
  const section = one("[data-pairs]");
  if (!section) return;
  const controls = one("[data-pair-controls]");
  const bench = one("[data-bench]");
  const sides = all("[data-side]");
  const panes = all("[data-pane]");
  const only = one("[data-pair-filter]");
  const search = one("[data-pair-search]");
  const items = all("[data-pair]").map((item) => {
    const links = new Map(all("a", item).map((link) => [link.dataset.contender, link]));
    return { item, links, text: one(".clamp", item).textContent.toLowerCase() };
  });
  let current = null;

  const chosen = (entry) => sides.map((side) => entry.links.get(side.value));
  const fits = (entry) => {
    const links = chosen(entry);
    if (links.some((link) => !link)) return false;
    const passes = links.map((link) => link.dataset.result === "passed");
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.every((word) => entry.text.includes(word))) return false;
    if (only.value === "differ") return passes[0] !== passes[1];
    if (only.value === "passed") return passes[0] && passes[1];
    if (only.value === "failed") return !passes[0] && !passes[1];
    return true;
  };
  const element = (tag, text, kind = "") => {
    const made = document.createElement(tag);
    made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const copy = (node) => {
    const made = node.cloneNode(true);
    for (const inner of [made, ...all("[id]", made)]) inner.removeAttribute("id");
    return made;
  };
  const steps = (pane) => all(":scope > .steps > .line > li.step", pane);
  const part = () => {
    const [left, right] = panes.map(steps);
    const longest = Math.max(left.length, right.length);
    let at = 0;
    while (at < longest && left[at] && right[at] && left[at].dataset.sig === right[at].dataset.sig) at += 1;
    const said = one("[data-pair-parting]");
    if (at === longest) { said.textContent = "Both take the same steps."; return; }
    said.textContent = at ? `The same up to step ${at}; then they part.` : "They part at the first step.";
    for (const step of [left[at], right[at]]) if (step) step.classList.add("parting");
  };
  const show = (entry) => {
    current = entry;
    for (const other of items) {
      const here = other === entry;
      if (here) other.item.setAttribute("aria-current", "true");
      else other.item.removeAttribute("aria-current");
      other.item.tabIndex = here ? 0 : -1;
    }
    bench.hidden = !entry;
    if (!entry) return;
    chosen(entry).forEach((link, side) => {
      const tree = document.getElementById(link.hash.slice(1));
      const head = element("h4", sides[side].selectedOptions[0].textContent);
      const results = { passed: "✓ Passed", failed: "✕ Failed" };
      head.prepend(element("span", results[link.dataset.result] || "Not judged", `result ${link.dataset.result}`));
      const why = one(".why", tree);
      const parts = [head, ...(why ? [copy(why)] : []), copy(one(".steps", tree))];
      if (why) one("a", parts[1])?.remove();
      panes[side].replaceChildren(...parts);
      if (side === 0) one("[data-pair-title]").textContent = one("h3", tree).textContent;
    });
    part();
  };
  const visible = () => items.filter((entry) => !entry.item.hidden);
  const filter = () => {
    for (const entry of items) {
      entry.item.hidden = !fits(entry);
      const links = chosen(entry);
      for (const link of entry.links.values()) link.classList.toggle("chosen", links.includes(link));
    }
    const shown = visible();
    one("[data-pair-shown]").textContent = `${shown.length} of ${items.length} tasks`;
    show(shown.includes(current) ? current : shown[0] || null);
  };
  const pick = (entry, focus = false) => {
    show(entry);
    if (focus) {
      entry.item.focus({ preventScroll: true });
      const list = entry.item.parentElement;
      const above = entry.item.offsetTop - list.offsetTop;
      if (above < list.scrollTop) list.scrollTop = above;
      else if (above + entry.item.offsetHeight > list.scrollTop + list.clientHeight) {
        list.scrollTop = above + entry.item.offsetHeight - list.clientHeight;
      }
    }
  };

  for (const entry of items) {
    entry.item.addEventListener("click", (event) => { event.preventDefault(); pick(entry); });
  }
  one("[data-pair-list]").addEventListener("keydown", (event) => {
    const shown = visible();
    const at = shown.indexOf(current);
    const places = { ArrowDown: at + 1, ArrowUp: at - 1, j: at + 1, k: at - 1, Home: 0, End: shown.length - 1 };
    if (!(event.key in places) || event.ctrlKey || event.metaKey || event.altKey || !shown.length) return;
    event.preventDefault();
    pick(shown[Math.min(Math.max(places[event.key], 0), shown.length - 1)], true);
  });
  controls.addEventListener("submit", (event) => event.preventDefault());
  controls.addEventListener("input", filter);
  controls.hidden = false;
  section.classList.add("live");

  // Begin with the first two agents that share a task and differ on one.
  const keys = [...sides[0].options].map((option) => option.value);
  const both = (a, b) => items.filter((entry) => entry.links.has(a) && entry.links.has(b));
  const differ = (a, b) => both(a, b).some((e) => e.links.get(a).dataset.result !== e.links.get(b).dataset.result);
  const couples = keys.flatMap((a, i) => keys.slice(i + 1).map((b) => [a, b]));
  const start = couples.find(([a, b]) => differ(a, b)) || couples.find(([a, b]) => both(a, b).length) || couples[0];
  sides.forEach((side, i) => { side.value = start[i]; });
  filter();
})();
