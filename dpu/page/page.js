"use strict";
// What a page does besides being there: zoom, search, one layer after another, its details. Texts of
// the model go into the document as text nodes only.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const boxes = data.boxes;
  const svg = document.getElementById("graph");
  const stage = document.getElementById("stage");
  const details = document.getElementById("details");
  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const map = document.getElementById("map");
  const nodes = boxes.map((_, i) => document.getElementById("box" + i));
  const drawn = nodes.length > 0 && nodes[0] !== null;

  const inputs = boxes.map(() => []), outputs = boxes.map(() => []), lines = [];
  for (let e = 0; 2 * e < data.lines.length; e++) {
    const from = data.lines[2 * e], to = data.lines[2 * e + 1];
    lines.push({ from, to, path: document.getElementById("line" + e) });
    outputs[from].push(e);
    inputs[to].push(e);
  }
  const places = nodes.map((node) => {
    const at = node && /translate\((-?\d+) (-?\d+)\)/.exec(node.getAttribute("transform"));
    return at ? { x: +at[1], y: +at[2] } : { x: 0, y: 0 };
  });
  const size = drawn ? nodes[0].querySelector(".card") : null;
  const boxWidth = size ? +size.getAttribute("width") : 1;
  const boxHeight = size ? +size.getAttribute("height") : 1;

  // ---- the view: a part of the drawing ------------------------------------------------------

  const whole = svg.getAttribute("viewBox").split(" ").map(Number);
  const view = { x: whole[0], y: whole[1], w: whole[2], h: whole[3] };
  let wanted = false;

  function scale() {
    return Math.min(svg.clientWidth / view.w, svg.clientHeight / view.h) || 1;
  }

  function show() {
    if (wanted) return;
    wanted = true;
    requestAnimationFrame(() => {
      wanted = false;
      svg.setAttribute("viewBox", [view.x, view.y, view.w, view.h].map((n) => n.toFixed(2)).join(" "));
      const s = scale();
      svg.classList.toggle("far", s < 0.2);
      svg.classList.toggle("mid", s >= 0.2 && s < 0.62);
      drawMap();
    });
  }

  function fit() {
    [view.x, view.y, view.w, view.h] = whole;
    show();
  }

  // (x, y), in the drawing, stays where it is on the screen
  function zoom(factor, x, y) {
    const most = Math.max(whole[2], whole[3]) * 1.5, least = 120;
    factor = Math.min(Math.max(factor, least / view.w), most / view.w);
    view.x = x - (x - view.x) * factor;
    view.y = y - (y - view.y) * factor;
    view.w *= factor;
    view.h *= factor;
    show();
  }

  function zoomMiddle(factor) {
    zoom(factor, view.x + view.w / 2, view.y + view.h / 2);
  }

  function inDrawing(event) {
    const at = svg.getScreenCTM();
    return at ? new DOMPoint(event.clientX, event.clientY).matrixTransform(at.inverse()) : { x: 0, y: 0 };
  }

  // into sight, and large enough to be read
  function reveal(i) {
    const place = places[i], covered = details.hidden ? 0 : details.offsetWidth;
    if (scale() < 0.62) {
      view.w = svg.clientWidth / 0.9;
      view.h = svg.clientHeight / 0.9;
      view.x = place.x + boxWidth / 2 - (view.w - covered / 0.9) / 2;
      view.y = place.y + boxHeight / 2 - view.h / 2;
    } else {
      const s = scale(), w = svg.clientWidth / s, h = svg.clientHeight / s, margin = 40 / s;
      const left = view.x + (view.w - w) / 2, top = view.y + (view.h - h) / 2;
      const right = left + w - covered / s, bottom = top + h;
      if (place.x < left + margin) view.x += place.x - left - margin;
      if (place.x + boxWidth > right - margin) view.x += place.x + boxWidth - right + margin;
      if (place.y < top + margin) view.y += place.y - top - margin;
      if (place.y + boxHeight > bottom - margin) view.y += place.y + boxHeight - bottom + margin;
    }
    show();
  }

  // ---- the map: where one is, while that is not the whole -----------------------------------

  function drawMap() {
    map.hidden = !drawn || (view.w >= whole[2] * 0.98 && view.h >= whole[3] * 0.98);
    if (map.hidden) return;
    const style = getComputedStyle(document.documentElement), ink = map.getContext("2d");
    const s = Math.min(180 / whole[2], 180 / whole[3]);
    map.width = Math.max(1, whole[2] * s);
    map.height = Math.max(1, whole[3] * s);
    ink.scale(s, s);
    ink.translate(-whole[0], -whole[1]);
    boxes.forEach((box, i) => {
      ink.fillStyle = style.getPropertyValue("--" + (nodes[i].classList[1] || "other"));
      ink.fillRect(places[i].x, places[i].y, boxWidth, boxHeight);
    });
    ink.lineWidth = 2 / s;
    ink.strokeStyle = style.getPropertyValue("--heat");
    ink.strokeRect(view.x, view.y, view.w, view.h);
  }

  map.addEventListener("pointerdown", (event) => {
    const s = Math.min(180 / whole[2], 180 / whole[3]), at = map.getBoundingClientRect();
    view.x = (event.clientX - at.left) / s + whole[0] - view.w / 2;
    view.y = (event.clientY - at.top) / s + whole[1] - view.h / 2;
    show();
  });

  // ---- details ------------------------------------------------------------------------------

  function element(parent, name, text, className) {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    parent.appendChild(made);
    return made;
  }

  function term(list, what, value, className) {
    if (value === undefined || value === null || value === "") return;
    element(list, "dt", what);
    element(element(list, "dd", undefined, className), "bdi", value);
  }

  function number(n) {
    return n.toLocaleString("en").replace(/,/g, "\u202f");
  }

  function neighbours(title, edges, end) {
    if (edges.length === 0) return;
    element(details, "h4", title);
    const list = element(details, "ul");
    for (const e of edges) {
      const i = lines[e][end];
      const go = element(element(list, "li"), "button", undefined, "go");
      element(go, "bdi", boxes[i].type + "  " + boxes[i].name);
      go.type = "button";
      go.addEventListener("click", () => choose(i, true));
    }
  }

  function attributes(title, list) {
    if (!list || list.length === 0) return;
    const folded = element(details, "details");
    element(folded, "summary", title);
    const terms = element(folded, "dl");
    for (const [name, value] of list) term(terms, name, value);
  }

  function tell(i) {
    const box = boxes[i];
    details.replaceChildren();
    const close = element(details, "button", "\u00d7", "close");
    close.type = "button";
    close.setAttribute("aria-label", "Close");
    close.addEventListener("click", () => choose(-1));
    element(element(details, "h3"), "bdi", box.name);
    const list = element(details, "dl");
    term(list, "type", box.type);
    term(list, "device", box.side);
    term(list, "output", box.output);
    term(list, "tensor", box.tensor);
    term(list, "quantized by", box.fix);
    term(list, "in the source", box.source && box.source + (box.source_type ? " (" + box.source_type + ")" : ""));
    term(list, "off the DPU", box.reason);
    term(list, "to be done", box.todo, "todo");
    if (box.cycles !== undefined) {
      term(list, "cycles", number(box.cycles));
      term(list, "multiplications", number(box.multiplications));
      term(list, "engine used", box.used.toFixed(1) + " %");
      term(list, "weights loaded", number(box.weight_bytes) + " bytes");
    }
    for (const [arg, name, tensor] of box.constants) term(list, arg, tensor + "  " + name);
    term(list, "subgraph", box.subgraph);
    neighbours("Reads from", inputs[i], "from");
    neighbours("Is read by", outputs[i], "to");
    attributes("Attributes", box.attributes);
    attributes("Attributes of its fix", box.fix_attributes);
    details.hidden = false;
    details.scrollTop = 0;
  }

  // ---- choosing -----------------------------------------------------------------------------

  let current = -1;

  function mark(i, on) {
    for (const e of inputs[i]) lines[e].path?.classList.toggle("in", on);
    for (const e of outputs[i]) lines[e].path?.classList.toggle("out", on);
    nodes[i]?.classList.toggle("current", on);
    for (const other of document.querySelectorAll(`tr[data-box="${i}"], .bar[data-box="${i}"]`))
      other.classList.toggle("current", on);
  }

  function choose(i, focus) {
    if (current >= 0) mark(current, false);
    const last = current;
    current = i;
    svg.classList.toggle("chosen", i >= 0);
    if (i < 0) {
      details.hidden = true;
      if (last >= 0 && focus !== false) nodes[last]?.focus({ preventScroll: true });
      return;
    }
    mark(i, true);
    tell(i);
    if (!drawn) return;
    for (const node of svg.querySelectorAll('.box[tabindex="0"]')) node.tabIndex = -1;
    nodes[i].tabIndex = 0;
    reveal(i);
    if (focus) nodes[i].focus({ preventScroll: true });
  }

  const boxOf = (target) => {
    const node = target.closest?.(".box");
    return node ? nodes.indexOf(node) : -1;
  };

  // the box beside it: in the same row, else the nearest to that side
  function beside(i, direction) {
    let best = -1, least = Infinity;
    places.forEach((place, k) => {
      const dx = (place.x - places[i].x) * direction, dy = Math.abs(place.y - places[i].y);
      if (dx <= 0 || dx + 8 * dy >= least) return;
      least = dx + 8 * dy;
      best = k;
    });
    return best;
  }

  function step(key) {
    const i = current < 0 ? 0 : current;
    if (current < 0) return 0;
    if (key === "ArrowDown") return outputs[i].length ? lines[outputs[i][0]].to : -1;
    if (key === "ArrowUp") return inputs[i].length ? lines[inputs[i][0]].from : -1;
    return beside(i, key === "ArrowRight" ? 1 : -1);
  }

  // ---- search and filter --------------------------------------------------------------------

  const texts = boxes.map((b) => [b.name, b.type, b.fix, b.source, b.output, b.tensor, b.side].join("\n").toLowerCase());
  let hits = [], at = -1;

  function look() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    hits = [];
    texts.forEach((text, i) => {
      const hit = words.length > 0 && words.every((word) => text.includes(word));
      if (hit) hits.push(i);
      nodes[i]?.classList.toggle("hit", hit);
    });
    at = -1;
    svg.classList.toggle("searched", words.length > 0);
    found.textContent = words.length === 0 ? "" : hits.length === 0 ? "nothing" : hits.length + " found";
  }

  function next(direction) {
    if (hits.length === 0) return;
    at = (at + direction + hits.length) % hits.length;
    found.textContent = at + 1 + " of " + hits.length;
    choose(hits[at], false);
  }

  search.addEventListener("input", look);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      next(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape") {
      search.value = "";
      look();
    }
  });

  for (const check of document.querySelectorAll("[data-side]"))
    check.addEventListener("change", () => {
      for (const node of nodes)
        if (node?.classList.contains(check.dataset.side)) node.classList.toggle("off", !check.checked);
    });

  // ---- mouse, fingers, keys -----------------------------------------------------------------

  const pointers = new Map();
  let moved = false;

  svg.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    moved = false;
  });
  svg.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (!before) return;
    const s = scale(), others = [...pointers.values()].filter((p) => p.pointerId !== event.pointerId);
    if (others.length === 0) {
      const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
      if (!moved && Math.hypot(dx, dy) < 4) return;
      if (!moved) svg.setPointerCapture(event.pointerId);
      moved = true;
      svg.classList.add("dragged");
      view.x -= dx / s;
      view.y -= dy / s;
      show();
    } else {
      const gap = (p) => Math.hypot(p.clientX - others[0].clientX, p.clientY - others[0].clientY) || 1;
      const middle = inDrawing({ clientX: (event.clientX + others[0].clientX) / 2, clientY: (event.clientY + others[0].clientY) / 2 });
      moved = true;
      zoom(gap(before) / gap(event), middle.x, middle.y);
    }
    pointers.set(event.pointerId, event);
  });
  for (const name of ["pointerup", "pointercancel"])
    svg.addEventListener(name, (event) => {
      pointers.delete(event.pointerId);
      svg.classList.remove("dragged");
    });
  svg.addEventListener("click", (event) => {
    const i = boxOf(event.target);
    if (moved) return;
    if (i >= 0) choose(i, true);
    else choose(-1, false);
  });
  svg.addEventListener("dblclick", (event) => {
    const point = inDrawing(event);
    event.preventDefault();
    zoom(0.5, point.x, point.y);
  });
  // a page must scroll on over the graph; whoever has chosen the graph wants to zoom
  svg.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey && !stage.contains(document.activeElement)) return;
    const point = inDrawing(event);
    event.preventDefault();
    zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 400))), point.x, point.y);
  }, { passive: false });

  const keys = {
    "+": () => zoomMiddle(1 / 1.3),
    "=": () => zoomMiddle(1 / 1.3),
    "-": () => zoomMiddle(1.3),
    "0": fit,
    Escape: () => choose(-1),
    Enter: () => { const i = boxOf(document.activeElement); if (i >= 0) choose(i, true); },
    " ": () => keys.Enter(),
  };
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("#details") && event.key !== "Escape") return;
    if (/^Arrow/.test(event.key)) {
      const i = step(event.key);
      if (i >= 0) choose(i, true);
    } else if (keys[event.key]) keys[event.key]();
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
    event.preventDefault();
    search.focus();
    search.select();
  });

  document.getElementById("zoom-in").addEventListener("click", () => zoomMiddle(1 / 1.3));
  document.getElementById("zoom-out").addEventListener("click", () => zoomMiddle(1.3));
  document.getElementById("zoom-fit").addEventListener("click", fit);
  document.getElementById("full").addEventListener("click", () => {
    if (document.fullscreenElement) document.exitFullscreen();
    else stage.requestFullscreen?.().catch(() => {});
  });
  addEventListener("resize", show);

  // ---- tables and chart ---------------------------------------------------------------------

  function toGraph(i) {
    document.getElementById("graph-section").scrollIntoView({ block: "start" });
    choose(i, true);
  }

  document.querySelector("main").addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#box"]'), bar = event.target.closest(".bar");
    if (!link && !bar) return;
    event.preventDefault();
    toGraph(link ? +link.getAttribute("href").slice(4) : +bar.dataset.box);
  });

  function sortBy(table, column, descending) {
    const value = (row) => row.cells[column].textContent;
    const amount = (text) => parseFloat(text.replace(/[\u202f ]/g, ""));
    const body = table.tBodies[0], rows = [...body.rows];
    const numeric = table.tHead.rows[0].cells[column].classList.contains("number");
    rows.sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === "" || y === "") return (x === "") - (y === "");
      const order = numeric ? amount(x) - amount(y) : x.localeCompare(y, "en", { numeric: true });
      return descending ? -order : order;
    });
    body.append(...rows);
  }

  for (const head of document.querySelectorAll("#layers th, #off-dpu th, #difference th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const table = head.closest("table"), down = head.getAttribute("aria-sort") === (head.classList.contains("number") ? "none" : "ascending") || (head.classList.contains("number") && !head.hasAttribute("aria-sort"));
      for (const other of table.tHead.rows[0].cells) if (other !== head) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sortBy(table, head.cellIndex, down);
    });
  }

  // ---- light and dark, print, where to begin ------------------------------------------------

  const theme = document.getElementById("theme"), root = document.documentElement;
  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";

  function paint(wish) {
    if (wish) root.dataset.theme = wish;
    theme.textContent = isDark() ? "Light" : "Dark";
    show();
  }

  theme.hidden = false;
  theme.addEventListener("click", () => {
    const wish = isDark() ? "light" : "dark";
    paint(wish);
    try { localStorage.setItem("dpucc-theme", wish); } catch { /* a file may have no storage */ }
  });
  let kept = null;
  try { kept = localStorage.getItem("dpucc-theme"); } catch { /* likewise */ }
  paint(kept === "dark" || kept === "light" ? kept : null);

  addEventListener("beforeprint", () => svg.setAttribute("viewBox", whole.join(" ")));
  addEventListener("afterprint", show);

  fit();
  const begin = /^#box(\d+)$/.exec(location.hash);
  if (begin && +begin[1] < boxes.length) toGraph(+begin[1]);
})();
