// Map ----------------------------------------------------------------------------------------------
movies.places = decoded(data.movies.places, Float32Array);
document.getElementById("map-note").textContent = "Two principal components of the model's " + dim + " dimensions, popularity taken out: "
  + percent(data.variance) + " of the variance. Larger dots were " + (data.has_ratings ? "rated" : "chosen") + " more often.";
const canvas = document.getElementById("dots"), hint = document.getElementById("hint"), pen = canvas.getContext("2d");
const MARGIN = 26, MOST_ZOOM = 60, NEAR = 14;  // pixels, times, pixels
const N_DECADES = 6;
const [left_to_right, low_to_high] = [0, 1].map(axis => movies.places.filter((_, i) => i % 2 === axis).sort());
const bounds = {left: left_to_right.at(0), right: left_to_right.at(-1), low: low_to_high.at(0), high: low_to_high.at(-1)};
const WHOLE = {zoom: 1, x: (bounds.left + bounds.right) / 2, y: (bounds.low + bounds.high) / 2};
const most_popular = Math.max(1, ...by_popularity.slice(0, 1).map(row => movies.popularity[row]));
const view = {...WHOLE};
let marks = [];        // {row, kind, text}, the least important first
let only_group = null; // of the legend
let waiting = false;

// Groups of movies by colour ------------------------------------------------------------------------
function filled(groups, name, place_of) {
  const other = {name, colour: "--other", rows: []};
  for (let row = 0; row < n_movies; row++) (groups[place_of(row)] || other).rows.push(row);
  return [other, ...groups];
}

function genre_groups() {
  const groups = data.coloured_genres.map((genre, place) => ({name: data.genre_names[genre], colour: "--c" + place, rows: []}));
  return filled(groups, "other", row => data.coloured_genres.findIndex(genre => movies.genres[row].includes(genre)));
}

function decade_groups() {
  const decade = year => 10 * Math.floor(year / 10), known = movies.years.filter(year => year !== data.unknown_year).map(decade);
  const last = [...new Set(known)].sort((a, b) => b - a).slice(0, N_DECADES).reverse();
  const has_older = known.some(one => one < last[0]);
  const label = (one, place) => has_older && place === 0 ? "up to " + (one + 9) : one + "s";
  const groups = last.map((one, place) => ({name: label(one, place), colour: "--d" + (N_DECADES - last.length + place), rows: []}));
  return filled(groups, "no year", row => movies.years[row] === data.unknown_year ? -1 : Math.max(0, last.indexOf(decade(movies.years[row]))));
}

const GROUPS = {genre: genre_groups(), decade: decade_groups()};
const colours = document.getElementById("colours"), legend = document.getElementById("legend");
const groups = () => GROUPS[colours.value].filter(group => group.rows.length);

const MARKS = {
  chosen: {name: "chosen", colour: "--c1", size: 8, square: false},
  near: {name: "nearest", colour: "--c0", size: 5.5, square: false},
  rated: {name: data.has_ratings ? "rated" : "known", colour: "--c0", size: 3.2, square: false},
  liked: {name: "yours", colour: "--c0", size: 5.5, square: false},
  recommended: {name: "recommended", colour: "--c1", size: 5.5, square: true},
};

function legend_item(colour, name, square) {
  const swatch = make("i", square ? {class: "square"} : {});
  swatch.style.setProperty("--mark", "var(" + colour + ")");
  return [swatch, name];
}

const COLOURS_MEAN = {
  genre: "A dot has the colour of the first genre above that it has, in this order; a grey dot has none of them. A click on a genre shows it alone.",
  decade: "A dot has the colour of the decade its " + data.noun + " is from; a grey dot has no year. A click on a decade shows it alone.",
};

function show_legend() {
  legend.replaceChildren();
  document.getElementById("colours-note").textContent = marks.length ? "Other " + data.noun + "s are pale." : COLOURS_MEAN[colours.value];
  if (marks.length) {
    const kinds = [...new Set(marks.map(mark => mark.kind))].reverse();
    legend.append(...kinds.map(kind => make("li", {}, make("span", {}, ...legend_item(MARKS[kind].colour, MARKS[kind].name, MARKS[kind].square)))));
    return;
  }
  for (const group of [...groups().slice(1), groups()[0]]) {
    const button = make("button", {type: "button", "aria-pressed": group.name === only_group}, ...legend_item(group.colour, group.name));
    button.addEventListener("click", () => { only_group = group.name === only_group ? null : group.name; show_legend(); every("button", legend).find(one => one.textContent === group.name).focus(); draw(); });
    legend.append(make("li", {}, button));
  }
}

// Where things are on the screen -------------------------------------------------------------------
const per_unit = () => view.zoom * Math.min((canvas.clientWidth - 2 * MARGIN) / Math.max(bounds.right - bounds.left, 1e-9), (canvas.clientHeight - 2 * MARGIN) / Math.max(bounds.high - bounds.low, 1e-9));
const screen_x = (row, unit) => canvas.clientWidth / 2 + (movies.places[2 * row] - view.x) * unit;
const screen_y = (row, unit) => canvas.clientHeight / 2 - (movies.places[2 * row + 1] - view.y) * unit;
const radius = row => (1 + 3.4 * Math.sqrt(movies.popularity[row] / most_popular)) * Math.min(2, view.zoom ** .3) * (n_movies > 20000 ? .7 : 1);

function zoom_at(factor, x, y) {
  const before = per_unit(), zoom = Math.max(1, Math.min(MOST_ZOOM, view.zoom * factor));
  const to_x = view.x + (x - canvas.clientWidth / 2) / before, to_y = view.y - (y - canvas.clientHeight / 2) / before;
  view.zoom = zoom;
  const after = per_unit();
  view.x = to_x - (x - canvas.clientWidth / 2) / after;
  view.y = to_y + (y - canvas.clientHeight / 2) / after;
  keep_in_sight();
}

function pan(x, y) {
  view.x -= x / per_unit();
  view.y += y / per_unit();
  keep_in_sight();
}

function keep_in_sight() {
  view.x = Math.max(bounds.left, Math.min(bounds.right, view.x));
  view.y = Math.max(bounds.low, Math.min(bounds.high, view.y));
  if (view.zoom === 1) whole();
  draw();
}

function is_in_sight(row) {
  const unit = per_unit(), x = screen_x(row, unit), y = screen_y(row, unit);
  return x >= 0 && y >= 0 && x <= canvas.clientWidth && y <= canvas.clientHeight;
}

function whole() {
  Object.assign(view, WHOLE);
  draw();
}

// Drawing ------------------------------------------------------------------------------------------
function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; paint(); });
}

function paint() {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
  if (!width || !height) return;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  const unit = per_unit();
  for (const group of groups()) {
    pen.globalAlpha = marks.length ? .3 : only_group && only_group !== group.name ? .1 : group.colour === "--other" ? .45 : .8;
    dots(group.rows, style(group.colour), unit);
  }
  pen.globalAlpha = 1;
  for (const mark of marks) paint_mark(mark, unit);
  paint_labels(unit);
}

function dots(rows, colour, unit) {
  pen.fillStyle = colour;
  pen.beginPath();
  for (const row of rows) {
    const x = screen_x(row, unit), y = screen_y(row, unit);
    if (x < -9 || y < -9 || x > canvas.clientWidth + 9 || y > canvas.clientHeight + 9) continue;
    const size = radius(row);
    pen.moveTo(x + size, y);
    pen.arc(x, y, size, 0, 7);
  }
  pen.fill();
}

function paint_mark(mark, unit) {
  const {colour, size, square} = MARKS[mark.kind], x = screen_x(mark.row, unit), y = screen_y(mark.row, unit);
  pen.fillStyle = style(colour);
  pen.strokeStyle = style("--paper");
  pen.lineWidth = 1.5;
  pen.beginPath();
  if (square) pen.rect(x - size, y - size, 2 * size, 2 * size);
  else pen.arc(x, y, size, 0, 7);
  pen.fill();
  pen.stroke();
}

const short = row => {
  const name = named(row).replace(/\s*\(\d{4}[^)]*\)\s*$/, "") || named(row);
  return name.length > 30 ? name.slice(0, 29).trimEnd() + "…" : name;
};

// The most important first; one that would lie over another is left out.
function paint_labels(unit) {
  const width = canvas.clientWidth, height = canvas.clientHeight;
  const taken = [{left: width - 52, right: width, top: height - 130, bottom: height}];  // the buttons
  const labelled = marks.filter(mark => mark.kind !== "rated").reverse().map(mark => mark.row);
  const group = only_group && groups().find(one => one.name === only_group);
  const within = group && new Set(group.rows);
  const rows = marks.length ? labelled : within ? by_popularity.filter(row => within.has(row)) : by_popularity;
  const most = marks.length ? rows.length : Math.round(width * height / 11000);
  pen.font = "12.5px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  pen.textBaseline = "middle";
  pen.lineJoin = "round";
  let tried = 0;
  for (const row of rows) {
    if (taken.length > most || tried > 600) return;
    const x = screen_x(row, unit), y = screen_y(row, unit);
    if (x < 0 || y < 0 || x > width || y > height) continue;
    tried++;
    const box = free_box(x, y, pen.measureText(short(row)).width, width, height, taken);
    if (!box) continue;
    taken.push(box);
    paint_label(short(row), box);
  }
}

function free_box(x, y, text, width, height, taken) {
  const gap = marks.length ? 10 : 6, half = 8;
  const starts = [[x + gap, y], [x - gap - text, y], [x - text / 2, y - 14], [x - text / 2, y + 14]];
  const boxes = starts.map(([left, middle]) => ({left, right: left + text, top: middle - half, bottom: middle + half}));
  return boxes.find(box => box.left >= 2 && box.right <= width - 2 && box.top >= 0 && box.bottom <= height
    && !taken.some(other => box.left < other.right + 4 && other.left < box.right + 4 && box.top < other.bottom && other.top < box.bottom));
}

function paint_label(text, box) {
  pen.strokeStyle = style("--paper");
  pen.lineWidth = 3.5;
  pen.globalAlpha = .85;
  pen.strokeText(text, box.left, box.top + 8);
  pen.globalAlpha = 1;
  pen.fillStyle = style("--ink");
  pen.fillText(text, box.left, box.top + 8);
}

// Pointers -----------------------------------------------------------------------------------------
const pointers = new Map();
let moved = 0;
const at = event => { const box = canvas.getBoundingClientRect(); return {x: event.clientX - box.left, y: event.clientY - box.top}; };

// Of movies that are equally near, the marked one, then the most popular.
function movie_at(x, y) {
  const unit = per_unit();
  let nearest = null, least = NEAR;
  const look = (row, bonus) => {
    const away = Math.hypot(screen_x(row, unit) - x, screen_y(row, unit) - y) - bonus;
    if (away < least) [nearest, least] = [row, away];
  };
  marks.forEach(mark => look(mark.row, 4));
  by_popularity.forEach(row => look(row, radius(row) / 2));
  return nearest;
}

function show_hint(row, x, y) {
  hint.hidden = row === null;
  canvas.classList.toggle("on-movie", row !== null);
  if (row === null) return;
  hint.replaceChildren(title(row), make("small", {}, described(row)));
  const left = x + 14 + hint.offsetWidth > canvas.clientWidth ? x - 14 - hint.offsetWidth : x + 14;
  hint.style.left = Math.max(4, left) + "px";
  hint.style.top = Math.max(4, Math.min(y + 14, canvas.clientHeight - hint.offsetHeight - 4)) + "px";
}

canvas.addEventListener("pointerdown", event => {
  canvas.setPointerCapture(event.pointerId);
  if (!pointers.size) moved = 0;
  pointers.set(event.pointerId, at(event));
});
canvas.addEventListener("pointermove", event => {
  const now = at(event), before = pointers.get(event.pointerId);
  if (!before) return event.pointerType === "mouse" && show_hint(movie_at(now.x, now.y), now.x, now.y);
  moved += Math.hypot(now.x - before.x, now.y - before.y);
  if (pointers.size === 2) {
    const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
    zoom_at(Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y)), other.x, other.y);
  } else if (moved > 4) {
    show_hint(null);
    pan(now.x - before.x, now.y - before.y);
  }
  pointers.set(event.pointerId, now);
});
canvas.addEventListener("pointerup", event => {
  const was_one = pointers.size === 1;
  pointers.delete(event.pointerId);
  if (!was_one || moved > 4) return;
  const {x, y} = at(event), row = movie_at(x, y);
  show_hint(null);
  if (row !== null) go(movie_address(row));
});
canvas.addEventListener("pointercancel", event => pointers.delete(event.pointerId));
canvas.addEventListener("pointerleave", () => show_hint(null));
canvas.addEventListener("wheel", event => {
  if (view.zoom === 1 && event.deltaY > 0) return;  // there is nothing more to see, so the page scrolls
  event.preventDefault();
  const {x, y} = at(event);
  show_hint(null);
  zoom_at(2 ** (-event.deltaY * (event.deltaMode ? 20 : 1) / 300), x, y);
}, {passive: false});
canvas.addEventListener("dblclick", event => { const {x, y} = at(event); zoom_at(1.6, x, y); });

const zoom_middle = factor => zoom_at(factor, canvas.clientWidth / 2, canvas.clientHeight / 2);
const MAP_KEYS = {ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
  "+": () => zoom_middle(1.6), "=": () => zoom_middle(1.6), "-": () => zoom_middle(.625), "0": whole};
canvas.addEventListener("keydown", event => {
  if (!(event.key in MAP_KEYS) || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  MAP_KEYS[event.key]();
});
every("[data-zoom]").forEach(button => button.addEventListener("click", () => (Number(button.dataset.zoom) ? zoom_middle(Number(button.dataset.zoom)) : whole())));
colours.addEventListener("change", () => { only_group = null; show_legend(); draw(); });
window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
new ResizeObserver(draw).observe(canvas);

function mark(marked) {
  marks = marked;
  only_group = null;
  show_legend();
  if (marks.some(one => one.kind !== "rated" && !is_in_sight(one.row))) whole();
  draw();
}
