"use strict";
// How a figure is looked at: on a logarithmic scale or on one from zero, whole or a part.
// Nothing is drawn anew. What matplotlib drew is moved: data-panels says of each panel its
// box (left, top, right, bottom), the scale of its value axis, and that axis' two ends.
class View {
  constructor(svg) {
    this.svg = svg;
    this.groups = [...svg.querySelectorAll(".panel")];
    this.panels = svg.dataset.panels.split(";").map((text) => {
      const [left, top, right, bottom, scale, low, high] = text.split(" ");
      return { left: +left, top: +top, right: +right, bottom: +bottom, scale,
               ends: [+low, +high] };
    });
    this.scale = this.scaleAtFirst = this.panels[0].scale;   // then each has its own
    this.zoom = null;                       // shares of the box: [left, low, right, high]
    this.first = new Map();                 // element: its attributes as they were drawn
    this.ticks = this.groups.map((group) => [...group.querySelectorAll(".ys > g")]);
  }

  get canSwitch() { return this.svg.dataset.switches === "yes"; }
  get isWhole() { return this.zoom === null; }
  get isMixed() { return this.panels.some((panel) => panel.scale !== this.scaleAtFirst); }

  // -- its state as a word of the link: "linear", "log:0,.5,1,1" ------------------------

  get word() {
    if (this.isWhole) return this.scale === this.scaleAtFirst ? "" : this.scale;
    return this.scale + ":" + this.zoom.map((x) => +x.toFixed(4)).join(",");
  }

  set word(word) {
    const [scale, part] = word.split(":");
    const known = this.canSwitch && ["log", "linear"].includes(scale);
    const zoom = part?.split(",").map(Number);
    const good = zoom?.length === 4 && zoom[2] - zoom[0] > 1e-3 && zoom[3] - zoom[1] > 1e-3;
    this.show(known ? scale : this.scaleAtFirst, good ? zoom : null);
  }

  show(scale, zoom) {
    if (scale === this.scale && String(zoom) === String(this.zoom)) return;
    [this.scale, this.zoom] = [scale, zoom];
    this.groups.forEach((group, i) => this.redraw(group, this.panels[i], this.ticks[i]));
  }

  // -- where a drawn place lies now ------------------------------------------------------

  valueAt(panel, y) {
    const share = (panel.bottom - y) / (panel.bottom - panel.top);
    const [low, high] = panel.ends;
    return panel.scale === "log" ? low * (high / low) ** share : low + (high - low) * share;
  }

  scaleOf(panel) { return this.scale === this.scaleAtFirst ? panel.scale : this.scale; }

  endsOf(panel) {
    const scale = this.scaleOf(panel);
    if (scale === panel.scale) return panel.ends;
    if (scale === "linear") return [0, panel.ends[1]];
    const values = this.panels.flatMap((other, i) => other.ends[1] !== panel.ends[1] ? [] :
      View.marks(this.groups[i]).map((mark) => this.valueAt(other, this.was(mark, "y"))));
    const least = Math.min(panel.ends[1], ...values.filter((v) => v > panel.ends[1] / 1e4));
    return [least / 1.25, panel.ends[1] * 1.25];
  }

  heightOf(panel, value, ends = this.endsOf(panel)) {
    const [low, high] = ends;
    const share = this.scaleOf(panel) === "log" ? (value > 0 ? Math.log(value / low) /
      Math.log(high / low) : -9) : (value - low) / (high - low);
    const [, from, , to] = this.zoom ?? [0, 0, 1, 1];
    return panel.bottom - (share - from) / (to - from) * (panel.bottom - panel.top);
  }

  /** (x, y) as drawn -> [x, y] as it is shown. */
  mover(panel) {
    if (this.word === "") return (x, y) => [x, y];
    const ends = this.endsOf(panel), [from, , to] = this.zoom ?? [0, 0, 1, 1];
    const width = panel.right - panel.left;
    return (x, y) => [
      panel.left + ((x - panel.left) / width - from) / (to - from) * width,
      this.heightOf(panel, this.valueAt(panel, y), ends)];
  }

  static marks(group) {
    return [...group.querySelectorAll(":is(.median, .hollow, .bound, .mark, .knee) use")];
  }

  was(element, name) {
    if (!this.first.has(element)) this.first.set(element, {});
    const kept = this.first.get(element);
    kept[name] ??= element.getAttribute(name);
    return isNaN(kept[name]) ? kept[name] : Number(kept[name]);
  }

  // -- moving ----------------------------------------------------------------------------

  redraw(group, panel, ticks) {
    const move = this.mover(panel), whole = this.word === "";
    const inside = ([x, y]) => whole || (x > panel.left - 1 && x < panel.right + 1 &&
      y > panel.top - 1 && y < panel.bottom + 1);
    const paths = ".series :is(.line, .band) path, .ceiling path, .limit path," +
      " .diagonal path, .around path";
    for (const path of group.querySelectorAll(paths))
      path.setAttribute("d", View.moved(this.was(path, "d"), move));
    for (const path of group.querySelectorAll(".raw path"))
      path.setAttribute("d", View.dashes(this.was(path, "d"), move, inside));
    for (const mark of View.marks(group)) {
      const lift = mark.closest(".bound") ? 10 : 0;
      const place = move(this.was(mark, "x"), this.was(mark, "y") + lift);
      mark.setAttribute("x", place[0].toFixed(1));
      mark.setAttribute("y", (place[1] - lift).toFixed(1));
      mark.style.display = inside(place) ? "" : "none";
    }
    for (const text of group.querySelectorAll(".note text")) {
      const place = move(this.was(text, "x"), this.was(text, "y"));
      View.putText(text, ...place);
      text.style.display = inside(place) ? "" : "none";
    }
    this.redrawTicks(group, panel, ticks, move);
  }

  static moved(path, move) {
    return path.replace(/(-?[\d.]+) (-?[\d.]+)/g, (_, x, y) =>
      move(+x, +y).map((v) => +v.toFixed(1)).join(" "));
  }

  /** The dashes of the rounds: "M x y h 11", of which those outside are left out. */
  static dashes(path, move, inside) {
    return [...path.matchAll(/M (-?[\d.]+) (-?[\d.]+) h ([\d.]+)/g)].map(
      ([, x, y, long]) => [move(+x + long / 2, +y), +long]).filter(
      ([place]) => inside(place)).map(([[x, y], long]) =>
      `M ${(x - long / 2).toFixed(1)} ${y.toFixed(1)} h ${long}`).join(" ");
  }

  static putText(text, x, y) {
    text.setAttribute("x", x.toFixed(1));
    text.setAttribute("y", y.toFixed(1));
    text.removeAttribute("transform");      // matplotlib's is a turn by 0 degrees
  }

  redrawTicks(group, panel, ticks, move) {
    for (const tick of group.querySelectorAll(".xs > g")) {
      const text = tick.querySelector("text"), line = tick.querySelector("path");
      if (!text || !text.closest(".xs > g > g")) continue;      // the name of the axis
      const [x] = move(this.was(text, "x"), panel.bottom);
      View.putText(text, x, this.was(text, "y"));
      if (line) line.setAttribute("d", `M ${x} ${panel.bottom} L ${x} ${panel.top}`);
      tick.style.display = x < panel.left - 1 || x > panel.right + 1 ? "none" : "";
    }
    const axis = group.querySelector(".ys");
    if (this.word === "") return axis.replaceChildren(...ticks);
    const template = ticks.find((tick) => tick.querySelector("path"));
    if (!template) return;
    axis.replaceChildren(...this.valuesOn(panel).map((value) => {
      const tick = template.cloneNode(true), y = this.heightOf(panel, value);
      tick.querySelector("path").setAttribute("d",
        `M ${panel.left} ${y.toFixed(1)} L ${panel.right} ${y.toFixed(1)}`);
      const text = tick.querySelector("text");
      View.putText(text, +text.getAttribute("x"), y + 3.6);
      text.textContent = View.plain(value);
      return tick;
    }));
  }

  /** Round values of the axis, as far as it is shown. */
  valuesOn(panel) {
    const ends = this.endsOf(panel), [, from, , to] = this.zoom ?? [0, 0, 1, 1];
    const scale = this.scaleOf(panel);
    const at = (share) => scale === "log" ? ends[0] * (ends[1] / ends[0]) ** share :
      ends[0] + (ends[1] - ends[0]) * share;
    const [low, high] = [at(from), at(to)];
    if (scale === "log" && high / low > 5) {
      const steps = high / low < 300 ? [1, 2, 5] : [1], found = [];
      for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++)
        found.push(...steps.map((step) => step * 10 ** e));
      const within = found.filter((v) => v >= low && v <= high);
      if (within.length > 3) return within;
    }
    const rough = (high - low) / 6, size = 10 ** Math.floor(Math.log10(rough));
    const step = size * [1, 2, 5, 10].find((n) => n * size >= rough);
    const found = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high * (1 + 1e-9); k++)
      found.push(k * step);
    return found;
  }

  static plain(value) {
    const [whole, rest] = String(+value.toPrecision(6)).split(".");
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
    return grouped + (rest ? "." + rest : "");
  }

  // -- which part ------------------------------------------------------------------------

  /** The part that the models in colour take, in height. */
  fit() {
    const shares = [], kept = this.zoom;
    this.zoom = null;
    this.panels.forEach((panel, i) => {
      const move = this.mover(panel);
      for (const mark of View.marks(this.groups[i])) {
        if (mark.closest(".series.off")) continue;
        const [, y] = move(this.was(mark, "x"), this.was(mark, "y"));
        shares.push((panel.bottom - y) / (panel.bottom - panel.top));
      }
    });
    this.zoom = kept;
    if (!shares.length) return null;
    const low = Math.min(...shares), high = Math.max(...shares);
    const room = Math.max(0.05 * (high - low), 0.01);
    return [0, Math.max(0, low - room), 1, high + room];
  }

  panelAt(x, y) {
    return this.panels.find((p) =>
      x >= p.left && x <= p.right && y >= p.top && y <= p.bottom);
  }

  /** The part between two places of a panel, of that which is shown now. */
  between(panel, [x, y], [x2, y2]) {
    const across = [x, x2].map((v) => (v - panel.left) / (panel.right - panel.left));
    const up = [y, y2].map((v) => (panel.bottom - v) / (panel.bottom - panel.top));
    const [left, low, right, high] = this.zoom ?? [0, 0, 1, 1];
    const within = (share, from, to) => from + Math.min(1, Math.max(0, share)) * (to - from);
    const xs = across.map((s) => within(s, left, right)).sort((a, b) => a - b);
    const ys = up.map((s) => within(s, low, high)).sort((a, b) => a - b);
    return [xs[0], ys[0], xs[1], ys[1]];
  }
}
