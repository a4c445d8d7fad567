"use strict";
// The page is whole without this script. It adds: switching models and families off and on,
// values under the pointer, other scales, zooming, sorting, filters, one load at a time,
// downloads. The state lives in the hash:
// #fig=latency&off=iterative,thread_pool&others=hidden&at=256&rows=epoll&columns=all
//  &view=latency:linear
// A link that is written by hand may as well say who is on: #fig=latency&models=pool,epoll
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const buttons = all("#legend button");
  const models = buttons.map((button) => button.dataset.model);
  const familyOf = new Map(buttons.map((button) => [button.dataset.model,
    button.parentNode.querySelector("span").dataset.family]));
  const offAtFirst = new Set(buttons.filter((button) =>
    button.getAttribute("aria-pressed") === "false").map((b) => b.dataset.model));
  const greyAtFirst = document.body.classList.contains("grey");
  const state = { off: offAtFirst, grey: greyAtFirst, at: "", rows: "", fig: "",
                  more: false };
  const views = new Map(all(".drawing svg[data-panels]").map((svg) =>
    [svg.closest("figure").id.replace(/^fig-/, ""), new View(svg)]));
  const viewOf = (place) => views.get(place.closest("figure").id.replace(/^fig-/, ""));

  const split = (text) => (text || "").split(",").filter(Boolean).map((name) => {
    try { return decodeURIComponent(name); } catch { return name; }
  });

  function readHash() {
    const given = new URLSearchParams(location.hash.slice(1));
    const on = split(given.get("models"));
    state.off = on.length ? new Set(models.filter((model) => !on.includes(model))) :
      given.has("off") ? new Set(split(given.get("off"))) : new Set(offAtFirst);
    const words = new Map((given.get("view") || "").split(";").map((text) =>
      [text.split(":")[0], text.slice(text.indexOf(":") + 1)]));
    for (const [name, view] of views) view.word = words.get(name) ?? "";
    state.grey = given.has("others") ? given.get("others") === "grey" : greyAtFirst;
    state.rows = given.get("rows") || "";
    state.at = given.get("at") || "";
    state.more = given.get("columns") === "all";
    state.fig = given.get("fig") || "";
  }

  function writeHash() {
    const parts = [];
    if (state.fig) parts.push("fig=" + encodeURIComponent(state.fig));
    if (state.off.size !== offAtFirst.size || models.some((model) =>
      state.off.has(model) !== offAtFirst.has(model))) {
      const names = [...state.off].map(encodeURIComponent).join(",");
      parts.push("off=" + encodeURIComponent(names));
    }
    if (state.grey !== greyAtFirst)
      parts.push("others=" + (state.grey ? "grey" : "hidden"));
    if (state.rows) parts.push("rows=" + encodeURIComponent(state.rows));
    if (state.at) parts.push("at=" + encodeURIComponent(state.at));
    if (state.more) parts.push("columns=all");
    const seen = [...views].filter(([, view]) => view.word)
      .map(([name, view]) => name + ":" + view.word);
    if (seen.length) parts.push("view=" + seen.join(";"));
    const hash = parts.length ? "#" + parts.join("&") : location.pathname;
    history.replaceState(null, "", hash);
  }

  function show() {
    for (const button of buttons)
      button.setAttribute("aria-pressed", !state.off.has(button.dataset.model));
    for (const button of all("#legend .switch")) button.update();
    document.body.classList.toggle("grey", state.grey);
    for (const series of all(".series"))
      series.classList.toggle("off", state.off.has(series.dataset.model));
    for (const drawing of all(".lines")) placeNames(drawing);
    for (const tools of all(".tools")) tools.update();
    for (const row of all("#summary-table tbody tr"))
      row.hidden = (state.at !== "" && row.dataset.at !== state.at) ||
        !matches(row, state.rows);
    const on = models.filter((model) => !state.off.has(model)).length;
    document.getElementById("shown")?.replaceChildren(
      on < models.length ? `(${on} of ${models.length} in colour)` : `(${on})`);
    if (summaryFilter && summaryFilter.value !== state.rows)
      summaryFilter.value = state.rows;
    for (const button of all("#levels button"))
      button.setAttribute("aria-pressed", button.value === state.at);
    showColumns();
  }

  function change() { writeHash(); show(); }

  // -- names beside the lines: those that are shown share the room -------------------

  function nameOf(series) {
    const leader = series.querySelector(".leader > path");
    if (!leader) return nameInList(series);
    const numbers = leader.getAttribute("d").match(/-?[\d.]+/g).map(Number);
    return { series, leader, numbers, at: numbers[1], drawn: numbers[5],
             rest: all(".name", series) };
  }

  /** One that stands in a list, and not where its line ends. */
  function nameInList(series) {
    const mark = series.querySelector(".name use");
    return mark && { series, leader: null, numbers: [],
                     drawn: Number(mark.getAttribute("y")), rest: all(".name", series) };
  }

  const names = new Map(all(".lines").map((drawing) =>
    [drawing, all(".series", drawing).map(nameOf).filter(Boolean)]));

  /** Where its line ends now, or leaves the panel. */
  function putEnd(name, view, top) {
    if (!name.leader) return name.at = top + 14;
    [name.x, name.at] = name.numbers;
    const panel = view?.panels[view.panels.length - 1];
    if (!panel || view.word === "") return;
    const [x, y] = view.mover(panel)(name.numbers[0] - 4, name.numbers[1]);
    name.x = Math.min(panel.right, Math.max(panel.left, x)) + 4;
    name.at = Math.min(panel.bottom, Math.max(panel.top, y));
  }

  function placeNames(drawing) {
    const [top, bottom] =
      drawing.querySelector("svg").dataset.names.split(" ").map(Number);
    for (const name of names.get(drawing)) putEnd(name, viewOf(drawing), top);
    const shown = names.get(drawing).filter((name) =>
      !name.series.classList.contains("off")).sort((a, b) => a.at - b.at);
    const gap = Math.min(13, (bottom - top) / Math.max(1, shown.length - 1));
    let last = top - gap;
    for (const name of shown) last = name.to = Math.max(name.at, last + gap);
    let limit = bottom;
    for (const name of shown.reverse()) {
      name.to = Math.min(name.to, limit);
      limit = name.to - gap;
      const [, , bend, , end] = name.numbers;
      name.leader?.setAttribute("d",
        `M ${name.x} ${name.at} L ${bend} ${name.at} L ${end} ${name.to}`);
      for (const part of name.rest) {
        part.style.transform = `translateY(${name.to - name.drawn}px)`;
        const text = part.querySelector("text");
        if (text) text.style.fontSize = Math.min(9.5, gap) + "px";
      }
    }
  }

  // -- models: click switches, Alt+click leaves only this one -------------------------

  function focusOn(model) {
    for (const drawing of all(".drawing")) {
      drawing.classList.toggle("focused", model !== null);
      for (const series of all(".series", drawing))
        series.classList.toggle("near", series.dataset.model === model);
    }
  }

  function only(model) {
    const others = models.filter((other) => other !== model);
    const already = others.every((m) => state.off.has(m)) && !state.off.has(model);
    state.off = new Set(already ? [] : others);
    change();
  }

  for (const button of buttons) {
    const model = button.dataset.model;
    button.title += " (Alt+click: only this one)";
    button.addEventListener("click", (event) => {
      if (event.altKey) return only(model);
      if (!state.off.delete(model)) state.off.add(model);
      change();
    });
    for (const name of ["pointerenter", "focus"])
      button.addEventListener(name, () => focusOn(state.off.has(model) && !state.grey ? null : model));
    for (const name of ["pointerleave", "blur"])
      button.addEventListener(name, () => focusOn(null));
  }

  function addSwitch(text, place, press, pressed) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "switch";
    button.textContent = text;
    button.addEventListener("click", () => { press(); change(); });
    button.update = () => { if (pressed) button.setAttribute("aria-pressed", pressed()); };
    place.append(button);
    return button;
  }

  for (const family of all("#legend .family")) {
    const label = family.querySelector("span");
    const members = all("button", family).map((button) => button.dataset.model);
    const allOn = () => members.every((model) => !state.off.has(model));
    const button = addSwitch(label.textContent || "models", family, () => {
      const off = allOn();
      for (const model of members) state.off[off ? "add" : "delete"](model);
    }, () => allOn() ? "true" : members.some((m) => !state.off.has(m)) ? "mixed" : "false");
    button.dataset.family = label.dataset.family;
    label.replaceWith(button);
  }

  const presets = document.querySelector("#legend .presets");
  if (presets) {
    if (offAtFirst.size)
      addSwitch("best of each family", presets, () => { state.off = new Set(offAtFirst); });
    addSwitch("all", presets, () => { state.off = new Set(); });
    addSwitch("none", presets, () => { state.off = new Set(models); });
    addSwitch("others in grey", presets, () => { state.grey = !state.grey; },
      () => String(state.grey));
    if (innerWidth < 700 && models.length > 12)
      document.getElementById("legend").open = false;
  }

  // -- values under the pointer -------------------------------------------------------

  const tip = document.getElementById("tip");
  for (const title of all(".drawing title")) {
    const model = title.closest(".series")?.dataset.model;
    title.parentNode.dataset.tip = (model ? model + ", " : "") + title.textContent;
    title.remove();
  }

  let hovered = null;

  function place(event) {
    const x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const below = event.clientY + 18 + tip.offsetHeight < innerHeight;
    tip.style.left = Math.max(8, x) + "px";
    tip.style.top = event.clientY + (below ? 18 : -14 - tip.offsetHeight) + "px";
  }

  for (const drawing of all(".drawing")) {
    drawing.addEventListener("pointermove", (event) => {
      const mark = event.target.closest("[data-tip]");
      const over = event.target.closest(".series")?.dataset.model ?? null;
      if (over !== hovered) focusOn(hovered = over);
      tip.hidden = !mark;
      if (!mark) return;
      tip.textContent = mark.dataset.tip;
      place(event);
    });
    drawing.addEventListener("pointerleave", () => {
      tip.hidden = true;
      focusOn(hovered = null);
    });
  }

  // -- sorting ------------------------------------------------------------------------

  function sortBy(table, column, descending) {
    const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent;
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (x === "" || y === "") return (x === "") - (y === "");    // no figure: last
      const order = isNaN(x) || isNaN(y) ? x.localeCompare(y, "en") : x - y;
      return descending ? -order : order;
    });
    for (const row of rows) row.classList.remove("level");
    body.append(...rows);
  }

  for (const table of all("table.sortable")) {
    [...table.tHead.rows[0].cells].forEach((head, column) => {
      const button = document.createElement("button");
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const descending = before ? before === "ascending" : false;
        for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
        head.setAttribute("aria-sort", descending ? "descending" : "ascending");
        sortBy(table, column, descending);
      });
    });
  }

  // -- filters: every word is found in the row, or in its family ------------------------

  function matches(row, words) {
    const family = familyOf.get(row.dataset.model) ?? "";
    const text = (row.textContent + " " + family).toLowerCase();
    return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
  }

  function addFilter(table, place, filter) {
    if (!table || !place || table.tBodies[0].rows.length < 8) return null;
    const input = document.createElement("input");
    input.type = "search";
    input.placeholder = "filter: model, family, …";
    input.setAttribute("aria-label", "Rows that contain");
    input.addEventListener("input", () => filter(input.value));
    place.append(input);
    return input;
  }

  const summaryFilter = addFilter(document.getElementById("summary-table"),
    document.getElementById("levels"), (words) => { state.rows = words; change(); });
  const pairsTable = document.getElementById("pairs-table");
  addFilter(pairsTable, document.getElementById("pairs-filter"), (words) => {
    for (const row of pairsTable.tBodies[0].rows) row.hidden = !matches(row, words);
  });

  // -- one load at a time -------------------------------------------------------------

  const loads = document.getElementById("levels");
  const levels = JSON.parse(loads?.dataset.levels || "[]");
  for (const [at, name] of levels.length > 1 ? [["", "all loads"], ...levels] : []) {
    const button = document.createElement("button");
    button.type = "button";
    button.value = at;
    button.textContent = name;
    button.addEventListener("click", () => { state.at = at; change(); });
    loads.append(button);
  }

  // -- columns of the summary that are there when they are asked for --------------------

  const summary = document.getElementById("summary-table");
  const extra = [...(summary?.tHead.rows[0].cells ?? [])].flatMap((head, i) =>
    "more" in head.dataset ? [i] : []);
  const columnsButton = extra.length > 0 && addSwitch("more columns",
    document.getElementById("columns"), () => { state.more = !state.more; },
    () => String(state.more));
  let allColumns = true;                    // as the page was written

  function showColumns() {
    if (!columnsButton) return;
    columnsButton.update();
    if (allColumns === state.more) return;
    allColumns = state.more;
    for (const row of summary.rows)
      for (const i of extra) row.cells[i].hidden = !allColumns;
  }

  // -- downloads ----------------------------------------------------------------------

  function flatten(value, prefix, row) {
    for (const [name, member] of Object.entries(value)) {
      if (Array.isArray(member)) continue;
      if (member && typeof member === "object") flatten(member, prefix + name + ".", row);
      else row[prefix + name] = member;
    }
    return row;
  }

  function csv(trials) {
    const rows = trials.map((trial) => flatten(trial, "", {}));
    const names = [...new Set(rows.flatMap(Object.keys))];
    return csvText([names, ...rows.map((row) => names.map((name) => row[name]))]);
  }

  async function raw() {
    const packed = atob(document.getElementById("raw").textContent);
    const bytes = Uint8Array.from(packed, (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  function offer(label, file, type, make) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", async () =>
      download(file, make(await raw()), type));
    document.getElementById("downloads").append(button);
  }

  offer("Download JSON", "echolab.json", "application/json", (text) => text);
  offer("Download CSV", "echolab.csv", "text/csv", (text) => csv(JSON.parse(text).trials));

  // -- what each figure offers ----------------------------------------------------------

  function addButton(place, text, why, press) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = text;
    button.title = why;
    button.addEventListener("click", press);
    place.append(button);
    return button;
  }

  function addTools(figure) {
    const name = figure.id.replace(/^fig-/, ""), view = views.get(name);
    const tools = document.createElement("div");
    tools.className = "tools";
    tools.setAttribute("role", "group");
    tools.setAttribute("aria-label", "This figure: scale, part, files and link");
    const updates = view ? [...addScales(tools, view), addSaying(figure, view)] : [];
    addButton(tools, "SVG", "Save as it is shown, as SVG", () =>
      download(name + ".svg", standalone(figure), "image/svg+xml"));
    addButton(tools, "PNG", "Save as it is shown, as PNG", async () =>
      download(name + ".png", await picture(standalone(figure)), "image/png"));
    addButton(tools, "CSV", "Save the table of this figure as CSV", () =>
      download(name + ".csv", csvText(tableRows(figure.querySelector("table"))),
        "text/csv"));
    const link = addButton(tools, "link", "Copy a link to this figure as it is shown", () => {
      state.fig = name;
      writeHash();
      navigator.clipboard?.writeText(location.href).then(
        () => { link.textContent = "copied"; }, () => { link.textContent = "in the address"; });
    });
    tools.update = () => { for (const update of updates) update(); };
    figure.querySelector(".drawing").after(tools);
  }

  /** What was made of it stands in its caption, and so in what is saved of it. */
  function addSaying(figure, view) {
    const place = figure.querySelector(".caption"), said = document.createElement("span");
    place.append(said);
    return () => {
      const scale = view.scale === view.scaleAtFirst ? "" :
        view.scale === "log" ? " Shown on a log scale." : " Shown on a linear scale, from 0.";
      said.textContent = scale + (view.isWhole ? "" : " Shown: a part.");
    };
  }

  function addScales(tools, view) {
    const updates = [], flip = () => view.scale === "log" ? "linear" : "log";
    if (view.canSwitch) {
      const button = addButton(tools, "", "", () => { view.show(flip(), null); change(); });
      updates.push(() => {
        button.textContent = flip() === "log" ? "log scale" :
          view.isMixed ? "as drawn" : "linear scale from 0";
      });
    }
    addButton(tools, "fit", "Only as high as the models in colour are; or draw a " +
      "rectangle in the figure", () => { view.show(view.scale, view.fit()); change(); });
    const whole = addButton(tools, "whole", "The whole figure again", () => {
      view.show(view.scale, null);
      change();
    });
    updates.push(() => { whole.disabled = view.isWhole; });
    addDragging(view);
    return updates;
  }

  // -- a rectangle that is drawn with the mouse becomes the part that is shown ---------

  function addDragging(view) {
    const svg = view.svg;
    const placeOf = (event) => {
      const point = new DOMPoint(event.clientX, event.clientY)
        .matrixTransform(svg.getScreenCTM().inverse());
      return [point.x, point.y];
    };
    let begun = null;
    svg.addEventListener("pointerdown", (event) => {
      const at = placeOf(event), panel = view.panelAt(...at);
      if (!panel || event.button || event.pointerType === "touch") return;
      event.preventDefault();
      svg.setPointerCapture(event.pointerId);
      const frame = document.createElementNS(svg.namespaceURI, "rect");
      frame.setAttribute("class", "frame");
      svg.append(frame);
      begun = { at, panel, frame };
    });
    svg.addEventListener("pointermove", (event) => {
      if (!begun) return;
      const [[x, y], [x2, y2]] = [begun.at, placeOf(event)];
      for (const [name, value] of Object.entries({ x: Math.min(x, x2), y: Math.min(y, y2),
        width: Math.abs(x - x2), height: Math.abs(y - y2) }))
        begun.frame.setAttribute(name, value);
    });
    svg.addEventListener("pointerup", (event) => {
      if (!begun) return;
      const { at, panel, frame } = begun, end = placeOf(event);
      frame.remove();
      begun = null;
      if (Math.abs(end[0] - at[0]) < 8 || Math.abs(end[1] - at[1]) < 8) return;
      view.show(view.scale, view.between(panel, at, end));
      change();
    });
    svg.addEventListener("pointercancel", () => { begun?.frame.remove(); begun = null; });
    svg.addEventListener("dblclick", () => { view.show(view.scale, null); change(); });
  }

  for (const figure of all("figure")) addTools(figure);

  // -- links inside the page keep the state -------------------------------------------

  for (const link of all("nav a")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      state.fig = link.hash.slice(1).replace(/^fig-/, "");
      writeHash();
      goTo(state.fig);
    });
  }

  function goTo(name) {
    const place = document.getElementById("fig-" + name) || document.getElementById(name);
    place?.scrollIntoView();
  }

  const legend = document.getElementById("legend");    // sticks above the figures
  const keepRoom = () => document.documentElement.style.setProperty(
    "--legend", legend.offsetHeight + "px");
  if (legend) {
    keepRoom();
    new ResizeObserver(keepRoom).observe(legend);
  }
  addEventListener("hashchange", () => { readHash(); show(); goTo(state.fig); });
  readHash();
  show();
  if (state.fig) goTo(state.fig);
})();
