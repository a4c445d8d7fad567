// What of the page's accessibility can be computed: [[WCAG 2.2 criterion, what is wrong]].
// report_access_browser_test.py runs it in the page, and sees each rule find a fault.
const found = [];
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const seen = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true }) &&
  e.getClientRects().length > 0;
const about = (e) => e.outerHTML.slice(0, 120);
const report = (rule, elements) => found.push(...elements.map((e) => [rule, about(e)]));
const name = (e) => (e.getAttribute("aria-label") || (e.getAttribute("aria-labelledby") || "")
  .split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join("") ||
  (e.labels?.[0]?.textContent ?? "") || (e.matches("svg, input") ? "" : e.textContent)).trim();

// -- colours: what is seen of text and marks on what lies below them ----------------------

const parsed = (text) => {
  const [r, g, b, a] = text.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
  return text === "transparent" || text === "none" ? [0, 0, 0, 0] : [r, g, b, a ?? 1];
};
const over = ([r, g, b, a], below) => [r, g, b].map((v, i) => v * a + below[i] * (1 - a));
function paper(element) {
  const layers = [];
  for (let e = element; e; e = e.parentElement) {
    const colour = parsed(getComputedStyle(e).backgroundColor);
    if (colour[3]) layers.push(colour);
    if (colour[3] === 1) break;
  }
  return layers.reduceRight((below, layer) => over(layer, below), [255, 255, 255]);
}
function opacity(element) {
  let product = 1;
  for (let e = element; e; e = e.parentElement)
    product *= Number(getComputedStyle(e).opacity);
  return product;
}
const luminance = (colour) => colour.map((v) => v / 255).map((v) =>
  v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
  .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
function contrast(element, property, background = paper(element)) {
  const [r, g, b, a] = parsed(getComputedStyle(element)[property]);
  const [high, low] = [over([r, g, b, a * opacity(element)], background), background]
    .map(luminance).sort((x, y) => y - x);
  return (high + 0.05) / (low + 0.05);
}

const texts = all("body *").filter((e) => seen(e) && !e.closest("script, style, noscript") &&
  [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()));
const large = (style) => parseFloat(style.fontSize) >= 24 ||
  (parseFloat(style.fontSize) >= 18.6 && style.fontWeight >= 700);
report("1.4.3 contrast", texts.filter((e) => !e.disabled &&
  contrast(e, e.closest("svg") ? "fill" : "color") <
  (large(getComputedStyle(e)) ? 3 : 4.5)));
const marks = all(".series:not(.off) :is(.line path, .bar path, .median use," +
  " .hollow use, .mark use)").filter((e) => e.checkVisibility() && !e.closest("defs"));
report("1.4.11 marks", marks.filter((e) => Math.max(contrast(e, "fill"),
  contrast(e, "stroke")) < 3));
report("1.4.11 fields", all("input").filter((e) => seen(e) &&
  contrast(e, "borderTopColor", paper(e.parentElement)) < 3));

// -- names, structure ----------------------------------------------------------------------

report("1.1.1 images", all("img, canvas, svg").filter((e) =>
  !e.closest("[aria-hidden=true]") && !e.alt && !(e.getAttribute("role") === "img" && name(e))));
report("4.1.2 names", all("button, a[href], summary, input, [role=region], [role=group], nav")
  .filter((e) => !name(e)));
report("4.1.2 states", all("[aria-pressed]").filter((e) =>
  !["true", "false", "mixed"].includes(e.getAttribute("aria-pressed"))));
const levels = all("h1, h2, h3, h4, h5, h6");
report("1.3.1 headings", levels.filter((e, i) =>
  Number(e.tagName[1]) > (i ? Number(levels[i - 1].tagName[1]) + 1 : 1)));
if (all("h1").length !== 1) found.push(["1.3.1 headings", "not one h1"]);
report("1.3.1 tables", all("table").filter((t) => !t.tHead ||
  all("th", t).some((th) => !th.scope) || all("th", t.tHead).some((th) => !name(th))));
for (const place of ["header", "main", "footer"])
  if (all("body > " + place).length !== 1) found.push(["1.3.1 landmarks", place]);
report("1.3.1 landmarks", all("body > *").filter((e) => seen(e) && !e.matches(
  "header, main, footer, script, .skip, [role=status]")));
if (!document.documentElement.lang) found.push(["3.1.1 language", ""]);
if (!document.title.trim()) found.push(["2.4.2 title", ""]);
const skip = document.querySelector("body > a:first-child");
if (!skip || !document.getElementById(skip.hash.slice(1)))
  found.push(["2.4.1 skip link", skip ? skip.hash : ""]);
report("2.4.4 links", all("a[href^='#']").filter((a) =>
  !document.getElementById(a.hash.slice(1))));
const ids = all("[id]").map((e) => e.id);
report("4.1.1 ids", all("[id]").filter((e, i) => ids.indexOf(e.id) !== i));
report("4.1.1 ids", all("[aria-labelledby]").filter((e) => e.getAttribute("aria-labelledby")
  .split(" ").some((id) => !ids.includes(id))));

// -- keyboard ------------------------------------------------------------------------------

const focusable = all("a[href], button:not(:disabled), input, summary, [tabindex]")
  .filter(seen);
report("2.4.3 order", focusable.filter((e) => e.tabIndex > 0));
report("2.1.1 scrolling", all("body *").filter((e) => seen(e) && e.tabIndex < 0 &&
  /auto|scroll/.test(getComputedStyle(e).overflow) && e.id !== "legend" &&
  (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1)));
const kinds = new Map(focusable.map((e) =>
  [e.tagName + e.className + e.parentElement.className + e.parentElement.id, e]));
report("2.4.7 focus", [...kinds.values()].filter((e) => {
  e.focus({ focusVisible: true, preventScroll: true });
  const style = getComputedStyle(e);
  return document.activeElement !== e || style.outlineStyle === "none" ||
    parseFloat(style.outlineWidth) < 1 ||
    contrast(e, "outlineColor", paper(e.parentElement)) < 3;
}));
document.activeElement.blur();
report("2.5.8 target size", focusable.filter((e) => e.matches("button") &&
  !e.closest("th") && e.getBoundingClientRect().height < 23.5));

// -- room ----------------------------------------------------------------------------------

if (document.documentElement.scrollWidth > innerWidth)
  found.push(["1.4.10 reflow", `${document.documentElement.scrollWidth} > ${innerWidth}`]);
function overlapping(elements) {
  const boxes = elements.map((e) => [e, e.getBoundingClientRect()])
    .filter(([, b]) => b.width > 0).sort(([, a], [, b]) => a.top - b.top);
  const lying = [];
  boxes.forEach(([e, a], i) => {
    for (let j = i + 1; j < boxes.length && boxes[j][1].top < a.bottom - 2; j++) {
      const [other, b] = boxes[j];
      if (b.left < a.right - 2 && b.right > a.left + 2 && Math.min(a.bottom, b.bottom) -
          b.top > 2 && !e.contains(other) && !other.contains(e)) lying.push(other);
    }
  });
  return lying;
}
const blocks = texts.filter((e) => !e.closest("svg, table, #legend, #tip, .skip") &&
  e.matches("h1, h2, h3, p, li, button, summary, dt, dd, pre, figcaption, span"));
report("1.4.12 overlap", overlapping(blocks));
for (const svg of all(".drawing svg"))
  report("1.4.12 overlap", overlapping(texts.filter((e) =>
    e.ownerSVGElement === svg && e.tagName === "text")));
return found;
