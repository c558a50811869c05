const dark = window.matchMedia("(prefers-color-scheme: dark)");
const charts = JSON.parse(document.getElementById("charts").textContent);

// Charts -------------------------------------------------------------------------------------------
const PRINTED_WIDTH = 680; // pixels between the margins of a printed page

function broken(name, limit) {
  const rows = [""];
  for (const word of name.split(/(?<=[+,]) | (?=[(])/)) {
    const row = rows[rows.length - 1];
    if (row && row.length + word.length > limit) rows.push(word);
    else rows[rows.length - 1] = row ? row + " " + word : word;
  }
  return rows.map(escaped).join("<br>");
}

// plotly reads a little markup in its texts.
const escaped = text => text.replace(/&/g, "&amp;").replace(/</g, "&lt;");

function traces(chart, view, box, limit) {
  return chart.data.map((trace, index) => {
    const own = {...trace, ...view.data[index]}, paint = style(trace.meta);
    const error = bars => bars && {...bars, color: trace.type === "bar" ? style("--ink") : paint};
    const marker = own.marker || {}, size = marker.size * (box.clientWidth < 620 && own.error_x ? 2 / 3 : 1) || undefined;
    return {...own, name: broken(trace.name, limit), error_x: error(own.error_x), error_y: error(own.error_y),
            textfont: {...own.textfont, color: paint}, visible: box.data ? box.data[index].visible : true,
            line: {...own.line, color: paint}, marker: {...marker, color: paint, size, line: {...marker.line, color: paint}}};
  });
}

function axis(base, change, limit) {
  const line = style("--line"), title = (change || {}).title || base.title;
  const all = {...base, ...change, gridcolor: line, linecolor: line, zerolinecolor: style("--faint"), tickfont: {color: style("--ink")}};
  if (title) all.title = {text: escaped(title.text), standoff: 8, font: {size: 13, color: style("--faint")}};
  if (all.ticktext) all.ticktext = all.ticktext.map(text => broken(text, limit));
  return all;
}

function height(data, yaxis, narrow) {
  const n_rows = texts => texts.reduce((sum, text) => sum + text.split("<br>").length, 0);
  if (yaxis.row_px) return 70 + yaxis.row_px * yaxis.ticktext.length + 22 * data.length;
  if (yaxis.ticktext) return 70 + (narrow ? 19 : 16) * (n_rows(yaxis.ticktext) + yaxis.ticktext.length);
  const named = data.filter(trace => trace.showlegend !== false).map(trace => trace.name);
  return Math.max(320, Math.min(460, window.innerHeight * .55)) + 22 * n_rows(named);
}

function drawChart(chart) {
  const box = document.getElementById(chart.element), selector = document.getElementById(chart.element + "-view");
  if (box.offsetParent === null) return;
  const name = selector ? selector.value : chart.chosen ?? chart.shown, view = chart.views[name];
  const narrow = box.clientWidth < 620, limit = narrow ? 18 : 44;
  const data = traces(chart, view, box, chart.layout.legend && narrow ? 36 : limit);
  const ink = style("--ink"), changed = view.layout;
  const xaxis = axis(chart.layout.xaxis, changed.xaxis, limit), yaxis = axis(chart.layout.yaxis, changed.yaxis, limit);
  const zooms = !xaxis.fixedrange && !narrow;
  const layout = {...chart.layout, xaxis, yaxis, autosize: true, width: root.classList.contains("printing") ? PRINTED_WIDTH : undefined, height: height(data, yaxis, narrow), dragmode: zooms ? "zoom" : false,
    shapes: (changed.shapes || []).map(shape => ({...shape, line: {...shape.line, color: style("--faint")}})),
    annotations: (changed.annotations || []).map(note => ({...note, text: escaped(note.text), font: {size: 12, color: style("--faint")}})),
    font: {...chart.layout.font, size: narrow ? 12 : 14, color: ink},
    modebar: {bgcolor: "rgba(0,0,0,0)", color: style("--faint"), activecolor: ink},
    hoverlabel: {bgcolor: style("--paper"), bordercolor: style("--faint"), font: {color: ink}}};
  if (chart.layout.legend) layout.legend = {...chart.layout.legend, font: {size: narrow ? 12 : 14, color: ink}};
  box.setAttribute("aria-label", [(xaxis.title || {}).text, (yaxis.title || {}).text].filter(Boolean).join(", "));
  Plotly.react(box, data, layout, {responsive: true, displaylogo: false, displayModeBar: zooms, modeBarButtons: [["zoom2d", "pan2d", "resetScale2d", "toImage"]]});
}

const drawAll = () => charts.forEach(drawChart);
for (const chart of charts) {
  const selector = document.getElementById(chart.element + "-view");
  if (selector) selector.addEventListener("change", () => drawChart(chart));
}
// One metric for all that is shown: a chart without it, such as that of another quantity, stays as it is.
const metric = document.getElementById("metric");

function showMetric() {
  const name = metric.value;
  every("[data-metric]").forEach(one => { one.hidden = one.dataset.metric !== name; });
  for (const chart of charts) {
    if (!(name in chart.views)) continue;
    chart.chosen = name;
    const selector = document.getElementById(chart.element + "-view");
    if (selector) selector.value = name;
  }
  const header = every("#ranking th[aria-sort]").find(th => th.textContent.trim() === name);
  if (header && header.getAttribute("aria-sort") !== "descending") sort(header, "descending");
  every("#ranking .chosen").forEach(cell => cell.classList.remove("chosen"));
  if (header) every("#ranking tr:not(.group)").forEach(row => row.cells[header.cellIndex].classList.add("chosen"));
  drawAll();
  every(".scroll").forEach(showScrolling);
}
if (metric) metric.addEventListener("change", showMetric);

// Tables that are wider than the screen say so ------------------------------------------------------
function showScrolling(box) {
  const is_wider = box.scrollWidth > box.clientWidth + 1, hint = box.previousElementSibling;
  box.classList.toggle("more", is_wider && box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
  hint.hidden = !is_wider;
}

for (const box of every(".scroll")) {
  const hint = document.createElement("p");
  hint.className = "scroll-hint";
  hint.textContent = "More columns: scroll the table sideways →";
  box.before(hint);
  box.addEventListener("scroll", () => showScrolling(box), {passive: true});
  new ResizeObserver(() => showScrolling(box)).observe(box);
}

dark.addEventListener("change", drawAll);
window.addEventListener("resize", drawAll);

// Tabs ---------------------------------------------------------------------------------------------
const tabs = every("[role=tab]");
const panel = tab => document.getElementById(tab.getAttribute("aria-controls"));

function open(chosen) {
  for (const tab of tabs) {
    tab.setAttribute("aria-selected", tab === chosen);
    tab.tabIndex = tab === chosen ? 0 : -1;
    panel(tab).hidden = tab !== chosen;
  }
  drawAll();
}

const MOVES = {ArrowRight: i => i + 1, ArrowLeft: i => i - 1 + tabs.length, Home: () => 0, End: () => tabs.length - 1};
tabs.forEach((tab, index) => {
  panel(tab).setAttribute("role", "tabpanel");
  tab.addEventListener("click", () => open(tab));
  tab.addEventListener("keydown", event => {
    if (!(event.key in MOVES)) return;
    event.preventDefault();
    const next = tabs[MOVES[event.key](index) % tabs.length];
    open(next);
    next.focus();
  });
});

const named = () => tabs.find(tab => "#" + tab.getAttribute("aria-controls") === location.hash);
function follow() {
  if (!named()) return;
  open(named());
  panel(named()).scrollIntoView();
}
window.addEventListener("hashchange", follow);

// Sorting ------------------------------------------------------------------------------------------
// Names rise first, numbers fall first; what has no number stays last.
function sort(header, wanted) {
  const column = header.cellIndex, orders = column === 0 ? ["ascending", "descending"] : ["descending", "ascending"];
  const order = wanted || orders[header.getAttribute("aria-sort") === orders[0] ? 1 : 0], sign = order === "ascending" ? 1 : -1;
  const value = row => row.cells[column].dataset.value, is_missing = row => value(row) === undefined;
  const compared = (a, b) => (column === 0 ? value(a).localeCompare(value(b)) : value(a) - value(b));
  every("th[aria-sort]").forEach(th => th.setAttribute("aria-sort", th === header ? order : "none"));
  for (const body of document.getElementById("ranking").tBodies)
    body.append(...every("tr:not(.group)", body).sort((a, b) => is_missing(a) - is_missing(b) || sign * compared(a, b)));
}
every("th[aria-sort] button").forEach(button => button.addEventListener("click", () => sort(button.closest("th"))));

// Users --------------------------------------------------------------------------------------------
const user = document.getElementById("user");
const showUser = () => every(".user").forEach(section => { section.hidden = section.dataset.user !== user.value; });
if (user) {
  user.addEventListener("change", showUser);
  showUser();
}

// Copying ------------------------------------------------------------------------------------------
async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(source);
    button.textContent = "Selected";
  }
}
every("[data-copy]").forEach(button => button.addEventListener("click", () => copy(button)));

// Print: every panel, in light colours -------------------------------------------------------------
window.addEventListener("beforeprint", () => {
  root.classList.add("printing");
  tabs.forEach(tab => { panel(tab).hidden = false; });
  drawAll();
});
window.addEventListener("afterprint", () => {
  root.classList.remove("printing");
  open(tabs.find(tab => tab.getAttribute("aria-selected") === "true"));
});

open(named() || tabs[0]);
