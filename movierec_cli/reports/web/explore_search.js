// Search -------------------------------------------------------------------------------------------
const N_FOUND = 12, N_CLOSEST = 5;
const LETTERS = {"æ": "ae", "œ": "oe", "ø": "o", "ð": "d", "þ": "th", "ł": "l", "đ": "d", "ı": "i", "ß": "ss"};

// Lower case, without accents and apostrophes; what is neither letter nor digit parts words.
const folded = text => text.normalize("NFKD").toLowerCase().replace(/[\p{M}'’‘`´ʻ]/gu, "").replace(/[æœøðþłđıß]/g, letter => LETTERS[letter])
  .replace(/[^\p{L}\p{N}]+/gu, " ").trim();
const elided = new RegExp("^(" + data.articles.join("|") + ")['’]", "i");  // "L'Enfer" is found as "enfer" too
const names = movies.titles.map(title => " " + folded(title.replace(elided, "$1 ")));
const joined = words => words.join("");
// However they are spaced ("ET" is "E.T."): each title, and without its article where one begins it.
const beginnings = names.map(name => name.trim().split(" ")).map(words => [joined(words), ...(data.articles.includes(words[0]) ? [joined(words.slice(1))] : [])]);

// 0 where the title begins so, 1 where each word begins one of the title's, 2 where it stands within one; else nothing.
function fit(row, words) {
  const name = names[row];
  if (beginnings[row].some(beginning => beginning.startsWith(joined(words)))) return 0;
  if (words.every(word => name.includes(" " + word))) return 1;
  return words.every(word => word.length > 2 && name.includes(word)) ? 2 : undefined;
}

function movies_found(text) {
  const words = text.split(" "), fits = [[], [], []];
  if (text) by_popularity.forEach(row => { const how = fit(row, words); if (how !== undefined) fits[how].push(row); });
  return fits.flat();
}

// How many letters are left out, put in, changed or swapped with the next (optimal string alignment).
function edits(a, b) {
  let last = [], before = Array.from({length: b.length + 1}, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      row[j] = Math.min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], last[j - 2] + 1);
    }
    [last, before] = [before, row];
  }
  return before[b.length];
}

// The words of the titles that are most like one that was typed, with one edit for every four letters at most, and one
// more. Numbers are other numbers with any edit.
function words_like(typed) {
  const most = /\p{N}/u.test(typed) || typed.length < 3 ? 0 : 1 + Math.floor(typed.length / 4);
  const near = new Map();
  for (const word of vocabulary) {
    const n_edits = word.startsWith(typed) ? 0 : Math.abs(word.length - typed.length) <= most ? edits(typed, word) : Infinity;
    if (n_edits <= most) near.set(word, n_edits);
  }
  const least = Math.min(...near.values());
  return new Set([...near.keys()].filter(word => near.get(word) === least));
}

// Where nothing fits: titles that have a word like each that was typed.
function closest_movies(text) {
  if (!text) return [];
  vocabulary ??= new Set(names.flatMap(name => name.trim().split(" ")));
  const alike = text.split(" ").map(words_like);
  const own = row => names[row].trim().split(" ");
  return by_popularity.filter(row => alike.every(like => own(row).some(word => like.has(word)))).slice(0, N_CLOSEST);
}
let vocabulary;

function users_found(typed) {
  const text = typed.trim(), readings = [text, text.replace(/^(?:user|u)?\s*[#:]?\s*/i, "")];  // an id may begin with "u"
  if (!text) return [];
  const rows = readings.map(id => row_of(user_rows, id)).filter(row => row !== undefined), n_exact = rows.length;
  for (let row = 0; row < n_users && rows.length < n_exact + 3; row++) if (readings.some(id => users.ids[row].startsWith(id))) rows.push(row);
  return [...new Set(rows)].slice(0, 3);
}

function found_for(typed) {
  const by_id = /^id\s*:\s*(.+)$/i.exec(typed.trim());
  if (by_id) return {movies: [row_of(movie_rows, by_id[1])].filter(row => row !== undefined), users: [], is_close: false};
  const by_user = users_found(typed), by_title = movies_found(folded(typed));
  const is_close = !by_title.length && !by_user.length;
  return {movies: is_close ? closest_movies(folded(typed)) : by_title, users: by_user, is_close};
}

// A box in which is typed, and the list of what fits; options are {name, small, take}.
function combobox(box, list, offered) {
  const options = () => every("[role=option]", list);
  let chosen = -1;

  function option({name, small, take}) {
    const item = make("li", {role: "option", id: list.id + "-" + list.childElementCount, "aria-selected": "false"}, name, small && make("small", {}, small));
    // A press would take the focus out of the box, which closes the list before the click.
    item.addEventListener("mousedown", event => event.preventDefault());
    item.take = () => { box.value = ""; close(); take(); };
    item.addEventListener("click", item.take);
    return item;
  }

  function offer() {
    const typed = box.value.trim(), {first, said, entries, is_close, sentence} = offered(box.value);
    list.replaceChildren();
    for (const one of first) list.append(option(one));
    if (said && typed) list.append(make("li", {class: "said", role: "presentation"}, said));
    for (const one of entries) list.append(option(one));
    list.hidden = !typed;
    box.setAttribute("aria-expanded", !list.hidden);
    point(is_close ? -1 : 0);
    if (typed) say(sentence);
  }

  function point(index) {
    const all = options();
    chosen = all.length ? Math.max(-1, Math.min(index, all.length - 1)) : -1;
    all.forEach((item, place) => { item.setAttribute("aria-selected", place === chosen); });
    if (chosen < 0) return box.removeAttribute("aria-activedescendant");
    box.setAttribute("aria-activedescendant", all[chosen].id);
    all[chosen].scrollIntoView({block: "nearest"});
  }

  function close() {
    list.hidden = true;
    box.setAttribute("aria-expanded", false);
    box.removeAttribute("aria-activedescendant");
  }

  const enter = () => (list.hidden ? offer() : options()[Math.max(chosen, 0)]?.take());
  const keys = {
    Enter: enter,
    ArrowDown: () => (list.hidden ? offer() : point((chosen + 1) % options().length)),
    ArrowUp: () => point((chosen - 1 + options().length) % options().length),
    Escape: () => (list.hidden ? (box.value = "") : close()),
  };
  box.addEventListener("input", offer);
  box.addEventListener("focus", () => { if (box.value.trim()) offer(); });
  box.addEventListener("blur", close);
  box.addEventListener("keydown", event => {
    if (!(event.key in keys)) return;
    event.preventDefault();
    keys[event.key]();
  });
  return enter;
}

const small_genres = row => genres_of(row).slice(0, 2).join(", ");

function offered_to_explore(typed) {
  const found = found_for(typed), n_found = found.movies.length + found.users.length;
  const nothing = "No " + data.noun + " or user fits";
  return {
    first: found.users.map(row => ({name: "User " + users.ids[row], small: users.n_rated && counted(users.n_rated[row], data.has_ratings ? "rating" : data.noun), take: () => go(user_address(row))})),
    said: found.is_close && (found.movies.length ? "Nothing fits; the closest are" : nothing),
    entries: found.movies.slice(0, N_FOUND).map(row => ({name: title(row), small: small_genres(row), take: () => go(movie_address(row))})),
    is_close: found.is_close,
    sentence: found.is_close ? (n_found ? "Nothing fits; " + n_found + " titles are close" : nothing) : n_found + " found",
  };
}

const query = document.getElementById("query"), list = document.getElementById("found");
const enter = combobox(query, list, offered_to_explore);
document.getElementById("search").addEventListener("submit", event => {
  event.preventDefault();
  enter();
});
