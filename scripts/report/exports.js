"use strict";
// A figure as it is shown now, to be kept: as SVG, as PNG, and its table as CSV.

/** RFC 4180; a text that a spreadsheet would take for a formula is kept a text. */
function csvText(rows) {
  const quote = (value) => {
    let text = value === null || value === undefined ? "" : String(value);
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text) && isNaN(text))
      text = "'" + text;
    return /[",\r\n]/.test(text) ? '"' + text.replaceAll('"', '""') + '"' : text;
  };
  return rows.map((row) => row.map(quote).join(",")).join("\r\n") + "\r\n";
}

/** The rows of a table, values in full; what stands in small type has its own column. */
function tableRows(table) {
  const small = (cell) => cell.querySelector("small")?.textContent ?? "";
  const body = [...table.tBodies[0].rows].map((row) => [...row.cells]);
  const noted = [...table.tHead.rows[0].cells].map((_, i) =>
    body.some((cells) => small(cells[i])));
  const value = (cell) => cell.dataset.v ??
    (cell.querySelector("bdi") ?? cell).textContent.replaceAll("\u202f", "");
  const heads = [...table.tHead.rows[0].cells].flatMap((head, i) =>
    noted[i] ? [head.textContent, head.textContent + " (note)"] : [head.textContent]);
  return [heads, ...body.map((cells) => cells.flatMap((cell, i) =>
    noted[i] ? [value(cell), small(cell)] : [value(cell)]))];
}

/** The drawing as a file of its own, with its question and its caption. */
function standalone(figure) {
  const svg = figure.querySelector("svg"), copy = svg.cloneNode(true);
  const from = [...svg.querySelectorAll("*")], to = [...copy.querySelectorAll("*")];
  from.forEach((element, i) => settle(element, to[i]));
  for (const name of ["data-panels", "data-names", "data-switches", "aria-label", "role"])
    copy.removeAttribute(name);
  const [left, top, width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const style = getComputedStyle(figure);
  const lines = wrapped(figure.querySelector(".caption").textContent, 120);
  const box = [left, top - 34, width, height + 34 + 12 * lines.length + 16];
  copy.setAttribute("viewBox", box.join(" "));
  copy.setAttribute("width", box[2]);
  copy.setAttribute("height", box[3]);
  const make = (name, attributes, text = "") => {
    const element = document.createElementNS(svg.namespaceURI, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    element.textContent = text;
    return element;
  };
  const question = figure.querySelector("h3").textContent;
  const font = "font-family: 'DejaVu Sans', sans-serif; ";
  copy.prepend(make("title", {}, question), make("rect", {
    x: box[0], y: box[1], width: box[2], height: box[3], fill: style.backgroundColor }));
  copy.append(make("text", { x: 14, y: top - 12, fill: style.color,
    style: font + "font-size: 13px; font-weight: bold" }, question));
  lines.forEach((line, i) => copy.append(make("text", { x: 14,
    y: top + height + 12 * (i + 1), style: font + "font-size: 8px",
    fill: getComputedStyle(figure.querySelector(".caption")).color }, line)));
  return new XMLSerializer().serializeToString(copy);
}

/** What the page's style says of an element is said by the copy itself. */
function settle(element, copy) {
  const style = getComputedStyle(element);
  if (style.display === "none" && !element.closest("defs") || style.opacity === "0")
    return copy.remove();
  for (const name of ["fill", "stroke"])
    if (copy.style[name].includes("var(")) copy.style[name] = style[name];
  if (element.closest(".line")) copy.style.strokeWidth = style.strokeWidth;
  if (style.opacity !== "1") copy.style.opacity = style.opacity;
  if (element.tagName === "text") copy.style.fontFamily = "'DejaVu Sans', sans-serif";
  if (element.dataset.tip) {
    const title = document.createElementNS(element.namespaceURI, "title");
    title.textContent = element.dataset.tip;
    copy.append(title);
  }
  copy.removeAttribute("data-tip");
}

function wrapped(text, most) {
  const lines = [""];
  for (const word of text.trim().split(/\s+/)) {
    const last = lines[lines.length - 1];
    if (last && last.length + word.length >= most) lines.push(word);
    else lines[lines.length - 1] = last ? last + " " + word : word;
  }
  return lines;
}

/** The same, as a picture with twice as many dots. */
async function picture(text) {
  const image = new Image();
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(text);
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

function download(file, content, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = file;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
