// Words and elements -------------------------------------------------------------------------------
// Texts stand in a page as texts, whatever characters a title has.
function make(name, attributes, ...content) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...content.filter(piece => piece !== undefined && piece !== "" && piece !== false));
  return element;
}

const number = value => value.toLocaleString("en");
const counted = (n, thing) => number(n) + " " + thing + (n === 1 ? "" : "s");
// With a minus that is as wide as a plus; "-0.00" is 0.
const rounded = (value, digits) => value.toFixed(digits).replace(/^-(0\.?0*)$/, "$1").replace("-", "−");
const percent = value => Math.abs(value) < .005 ? "0\u00a0%" : Math.round(100 * value) + "\u00a0%";

// A title of another direction does not turn round what stands beside it.
const named = row => movies.titles[row].trim() || data.noun + " " + movies.ids[row];
const title = row => make("bdi", {}, named(row));
const genres_of = row => movies.genres[row].map(genre => data.genre_names[genre]);
const described = row => [genres_of(row).join(", "), (data.has_ratings ? "rated " : "chosen ") + counted(movies.popularity[row], "time")].filter(Boolean).join(" · ");
// Nothing, where a model can know it well enough.
function hardly_known(row) {
  const n = movies.popularity[row], verb = data.has_ratings ? "rated" : "chosen";
  return n >= data.few_ratings ? "" : n ? verb + " only " + counted(n, "time") : "never " + verb;
}
const link = row => make("a", {href: "#" + movie_address(row)}, title(row));
const say = sentence => { document.getElementById("status").textContent = sentence; };
// Numbers ------------------------------------------------------------------------------------------
const data = JSON.parse(document.getElementById("data").textContent);

function decoded(text, Type) {
  const raw = atob(text), bytes = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) bytes[i] = raw.charCodeAt(i);
  return new Type(bytes.buffer);
}

const n_movies = data.movies.ids.length, n_users = data.users.ids.length;
const movies = {...data.movies};
const users = {...data.users};
const movie_rows = new Map(movies.ids.map((id, row) => [id, row])), user_rows = new Map(users.ids.map((id, row) => [id, row]));
const row_of = (rows, typed) => rows.get(typed) ?? rows.get(typed.replace(/^0+(?=\d+$)/, ""));  // "007" is 7, where no id is "007"
const movie_address = row => "movie=" + encodeURIComponent(movies.ids[row]), user_address = row => "user=" + encodeURIComponent(users.ids[row]);
const by_popularity = [...movies.ids.keys()].sort((a, b) => movies.popularity[b] - movies.popularity[a] || a - b);

// The rows of the n highest values, each movie by one of its ids; equal ones in the order of the catalogue.
const first_ids = new Map(data.duplicates.flatMap(rows => rows.map(row => [row, rows[0]])));
const first_id = row => first_ids.get(row) ?? row;

function highest(values, n, left_out) {
  const rows = [], taken = new Set(Array.from(left_out, first_id));
  for (let row = 0; row < values.length; row++) if (!taken.has(first_id(row))) rows.push(row);
  return rows.sort((a, b) => values[b] - values[a] || a - b).filter(row => !taken.has(first_id(row)) && taken.add(first_id(row))).slice(0, n);
}

// What users rated, where the page holds it.
if (users.rated) {
  users.rated = decoded(data.users.rated, data.users.rated_bits === 16 ? Uint16Array : Uint32Array);
  users.stars = decoded(data.users.stars, data.users.star_values.length > 256 ? Uint32Array : Uint8Array);
  users.starts = [0];
  for (const n of users.n_rated) users.starts.push(users.starts[users.starts.length - 1] + n);
}
const rated_by = user => users.rated.subarray(users.starts[user], users.starts[user + 1]);
const stars_by = user => Array.from(users.stars.subarray(users.starts[user], users.starts[user + 1]), code => users.star_values[code]);

const listed = (values, left_out) => highest(values, data.n_listed, left_out).map(row => ({row, value: values[row]}));

// Best first, and the newest first among equals.
function rated_best(user) {
  const stars = stars_by(user);
  return Array.from(rated_by(user), (row, place) => ({row, place, stars: stars[place]})).sort((a, b) => b.stars - a.stars || b.place - a.place);
}
