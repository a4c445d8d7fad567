"use strict";
// The page is whole without this script. It adds: switching models off and on, values
// under the pointer, sorting, one load at a time, downloads. The state lives in the hash:
// #fig=latency&off=iterative,thread_pool&clients=256
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const state = { off: new Set(), clients: "", fig: "" };

  function readHash() {
    const given = new URLSearchParams(location.hash.slice(1));
    const names = (given.get("off") || "").split(",").filter(Boolean);
    state.off = new Set(names.map((name) => {
      try { return decodeURIComponent(name); } catch { return name; }
    }));
    state.clients = given.get("clients") || "";
    state.fig = given.get("fig") || "";
  }

  function writeHash() {
    const parts = [];
    if (state.fig) parts.push("fig=" + encodeURIComponent(state.fig));
    if (state.off.size) {
      const names = [...state.off].map(encodeURIComponent).join(",");
      parts.push("off=" + encodeURIComponent(names));
    }
    if (state.clients) parts.push("clients=" + encodeURIComponent(state.clients));
    const hash = parts.length ? "#" + parts.join("&") : location.pathname;
    history.replaceState(null, "", hash);
  }

  function show() {
    for (const button of all("#legend button"))
      button.setAttribute("aria-pressed", !state.off.has(button.dataset.model));
    for (const series of all(".series"))
      series.classList.toggle("off", state.off.has(series.dataset.model));
    for (const row of all("#summary-table tbody tr"))
      row.hidden = state.clients !== "" && row.dataset.clients !== state.clients;
    for (const button of all("#levels button"))
      button.setAttribute("aria-pressed", button.value === state.clients);
  }

  function change() { writeHash(); show(); }

  // -- models: click switches, Alt+click leaves only this one -------------------------

  function focusOn(model) {
    for (const drawing of all(".drawing")) {
      drawing.classList.toggle("focused", model !== null);
      for (const series of all(".series", drawing))
        series.classList.toggle("near", series.dataset.model === model);
    }
  }

  function only(model) {
    const models = all("#legend button").map((button) => button.dataset.model);
    const others = models.filter((other) => other !== model);
    const already = others.every((m) => state.off.has(m)) && !state.off.has(model);
    state.off = new Set(already ? [] : others);
    change();
  }

  for (const button of all("#legend button")) {
    const model = button.dataset.model;
    button.title += " (Alt+click: only this one)";
    button.addEventListener("click", (event) => {
      if (event.altKey) return only(model);
      if (!state.off.delete(model)) state.off.add(model);
      change();
    });
    for (const name of ["pointerenter", "focus"])
      button.addEventListener(name, () => focusOn(state.off.has(model) ? null : model));
    for (const name of ["pointerleave", "blur"])
      button.addEventListener(name, () => focusOn(null));
  }

  // -- values under the pointer -------------------------------------------------------

  const tip = document.getElementById("tip");
  for (const title of all(".drawing title")) {
    title.parentNode.dataset.tip = title.textContent;
    title.remove();
  }

  function place(event) {
    const x = Math.min(event.clientX + 14, innerWidth - tip.offsetWidth - 8);
    const below = event.clientY + 18 + tip.offsetHeight < innerHeight;
    tip.style.left = Math.max(8, x) + "px";
    tip.style.top = event.clientY + (below ? 18 : -14 - tip.offsetHeight) + "px";
  }

  for (const drawing of all(".drawing")) {
    drawing.addEventListener("pointermove", (event) => {
      const mark = event.target.closest("[data-tip]");
      tip.hidden = !mark;
      if (!mark) return;
      tip.textContent = mark.dataset.tip;
      place(event);
    });
    drawing.addEventListener("pointerleave", () => { tip.hidden = true; });
  }

  // -- sorting ------------------------------------------------------------------------

  function sortBy(table, column, descending) {
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
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

  // -- one load at a time -------------------------------------------------------------

  const rows = all("#summary-table tbody tr");
  const loads = [...new Set(rows.map((row) => row.dataset.clients))];
  if (loads.length > 1) {
    for (const load of ["", ...loads]) {
      const button = document.createElement("button");
      button.type = "button";
      button.value = load;
      button.textContent = load === "" ? "all loads" : Number(load).toLocaleString("fr") +
        (load === "1" ? " client" : " clients");
      button.addEventListener("click", () => { state.clients = load; change(); });
      document.getElementById("levels").append(button);
    }
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
    const quote = (value) => {
      let text = value === null || value === undefined ? "" : String(value);
      if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = "'" + text;
      return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
    };
    return [names, ...rows.map((row) => names.map((name) => row[name]))]
      .map((row) => row.map(quote).join(",")).join("\r\n") + "\r\n";
  }

  function offer(label, file, type, make) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = label;
    button.addEventListener("click", () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([make()], { type }));
      link.download = file;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
    document.getElementById("downloads").append(button);
  }

  const raw = document.getElementById("raw").textContent;
  offer("Download JSON", "echolab.json", "application/json", () => raw);
  offer("Download CSV", "echolab.csv", "text/csv", () => csv(JSON.parse(raw).trials));

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

  addEventListener("hashchange", () => { readHash(); show(); goTo(state.fig); });
  readHash();
  show();
  if (state.fig) goTo(state.fig);
})();
