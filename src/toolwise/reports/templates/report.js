"use strict";
(() => {
  const root = document.documentElement;
  const one = (selector, within = document) => within.querySelector(selector);
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Colours: automatic, light, dark.
  const toggle = one("[data-theme-toggle]");
  const themes = ["auto", "light", "dark"];
  const showTheme = () => {
    const theme = root.dataset.theme || "auto";
    one("[data-theme-name]").textContent = theme[0].toUpperCase() + theme.slice(1);
  };
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    const next = themes[(themes.indexOf(root.dataset.theme || "auto") + 1) % themes.length];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    try { localStorage.setItem("toolwise-theme", next); } catch (error) { /* nothing to remember it in */ }
    showTheme();
  });
  showTheme();

  // Tooltips: for whatever carries data-tip.
  const tip = one("#tip");
  const hideTip = () => { tip.hidden = true; };
  const showTip = (target, x, y) => {
    tip.textContent = target.dataset.tip;
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    const left = Math.min(Math.max(8, x - box.width / 2), root.clientWidth - box.width - 8);
    const above = y - box.height - 14;
    tip.style.left = `${left}px`;
    tip.style.top = `${above < 8 ? y + 18 : above}px`;
  };
  document.addEventListener("pointermove", (event) => {
    const target = event.target.closest && event.target.closest("[data-tip]");
    if (target) showTip(target, event.clientX, event.clientY);
    else hideTip();
  });
  document.addEventListener("focusin", (event) => {
    const target = event.target.closest("[data-tip]");
    if (!target) return hideTip();
    const box = target.getBoundingClientRect();
    return showTip(target, box.left + box.width / 2, box.top);
  });
  document.addEventListener("scroll", hideTip, { passive: true });

  // The section that is being read.
  const links = new Map(all(".bar nav a").map((link) => [link.hash.slice(1), link]));
  if ("IntersectionObserver" in window) {
    const watch = new IntersectionObserver((entries) => {
      for (const entry of entries) {
        const link = links.get(entry.target.id);
        if (!link) continue;
        if (entry.isIntersecting) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      }
    }, { rootMargin: "-30% 0px -65% 0px" });
    all("main > section[id]").forEach((section) => watch.observe(section));
  }

  // Copy the command, download the numbers.
  const copy = one("[data-copy]");
  if (copy && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener("click", async () => {
      await navigator.clipboard.writeText(one(".command code").textContent);
      copy.textContent = "Copied";
      setTimeout(() => { copy.textContent = "Copy"; }, 1500);
    });
  }
  const download = one("[data-download]");
  download.hidden = false;
  download.addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([one("#numbers").textContent], { type: "application/json" }));
    link.download = "report.json";
    link.click();
    URL.revokeObjectURL(link.href);
  });

  // Search trees: one at a time, chosen from a filtered list.
  const browser = one("[data-browser]");
  if (!browser) return;
  const filters = one("[data-filters]");
  const search = one("[data-search]");
  const selects = all("[data-filter]");
  const reset = one("[data-reset]");
  const rows = all("[data-list] > li").map((item) => {
    const link = one("a", item);
    return { item, link, tree: document.getElementById(link.hash.slice(1)), text: null };
  });
  let current = null;

  const visible = () => rows.filter((row) => !row.item.hidden);
  const select = (row, focus = false) => {
    current = row;
    for (const other of rows) {
      other.tree.hidden = other !== row;
      if (other === row) other.link.setAttribute("aria-current", "true");
      else other.link.removeAttribute("aria-current");
      other.link.tabIndex = other === row ? 0 : -1;
    }
    if (!row) return;
    const list = row.item.parentElement;
    const above = row.item.offsetTop - list.offsetTop;
    if (above < list.scrollTop) list.scrollTop = above;
    else if (above + row.item.offsetHeight > list.scrollTop + list.clientHeight) {
      list.scrollTop = above + row.item.offsetHeight - list.clientHeight;
    }
    if (focus) row.link.focus({ preventScroll: true });
  };
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = selects.filter((control) => control.value);
    for (const row of rows) {
      let fits = wanted.every((control) => row.item.dataset[control.dataset.filter] === control.value);
      if (fits && words.length) {
        row.text ??= row.tree.textContent.toLowerCase();
        fits = words.every((word) => row.text.includes(word));
      }
      row.item.hidden = !fits;
    }
    const shown = visible();
    const filtered = wanted.length > 0 || words.length > 0;
    one("[data-shown]").textContent = filtered ? `${shown.length} of ${rows.length} attempts` : `${rows.length} attempts`;
    reset.hidden = !filtered;
    one("[data-nothing]").hidden = shown.length > 0;
    if (!current || current.item.hidden) select(shown[0] || null);
  };
  const move = (by, from) => {
    const shown = visible();
    if (!shown.length) return;
    const at = from === undefined ? shown.indexOf(current) + by : from;
    select(shown[Math.min(Math.max(at, 0), shown.length - 1)], true);
  };
  const reveal = (node) => {
    for (let at = node.parentElement; at && at !== browser; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
    }
    node.scrollIntoView({ block: "center" });
    node.classList.remove("flash");
    void node.offsetWidth;
    node.classList.add("flash");
  };
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const tree = target && target.closest("article.tree");
    if (!tree) return;
    const row = rows.find((other) => other.tree === tree);
    if (row.item.hidden) { filters.reset(); filter(); }
    select(row);
    if (target !== tree) reveal(target);
    else if (one("[data-detail]").getBoundingClientRect().top > window.innerHeight * 0.6) tree.scrollIntoView();
  };

  filters.hidden = false;
  filters.addEventListener("submit", (event) => event.preventDefault());
  filters.addEventListener("input", filter);
  reset.addEventListener("click", () => { filters.reset(); filter(); search.focus(); });
  one("[data-list]").addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link) return;
    event.preventDefault();
    select(rows.find((row) => row.link === link));
    const pane = one("[data-detail]");
    const narrow = pane.offsetTop > one("[data-list]").offsetTop + 40;
    if (narrow) pane.scrollIntoView({ block: "start" });
    try { history.replaceState(null, "", link.hash); } catch (error) { /* a page without an address of its own */ }
  });
  one("[data-list]").addEventListener("keydown", (event) => {
    const shown = visible().length;
    const moves = { ArrowDown: [1], ArrowUp: [-1], j: [1], k: [-1], Home: [0, 0], End: [0, shown - 1] };
    const found = moves[event.key];
    if (!found || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move(...found);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    event.preventDefault();
    search.focus();
  });
  window.addEventListener("hashchange", follow);
  browser.classList.add("one-at-a-time");
  filter();
  select(rows[0] || null);
  follow();
})();
