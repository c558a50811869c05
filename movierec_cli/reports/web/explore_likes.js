// Movies I like: what is named stands in the address, "likes=1,260:4,590:-", so that a link keeps it -------
const N_OFFERED = 8;  // popular movies to begin with
const LIKED = "", DISLIKED = "-";
const by_stars = data.scale !== null && data.scale[1] === 5;

// [row, value] of each movie that an address names: LIKED, DISLIKED, or stars as a number.
function named_in(address) {
  const pairs = address.split(",").filter(Boolean).map(part => part.split(":")), named = new Map();
  for (const [id, value = LIKED] of pairs) {
    const row = row_of(movie_rows, decoded_id(id)), stars = Number(value);
    const is_stars = by_stars && value && stars >= data.scale[0] && stars <= data.scale[1];
    if (row !== undefined) named.set(row, is_stars ? stars : value === DISLIKED ? DISLIKED : LIKED);
  }
  return named;
}

const likes_address = likes => "likes=" + [...likes].map(([row, value]) => encodeURIComponent(movies.ids[row]) + (value === LIKED ? "" : ":" + value)).join(",");
let my_likes = new Map();  // kept while a movie or a user is looked at

function change(row, value) {
  const likes = new Map(my_likes);
  if (value === undefined) likes.delete(row);
  else likes.set(row, value);
  go(likes_address(likes));
}

// As the program takes them: liked from the median on, at the latest from four fifths of the highest, and never below
// the middle of the scale; disliked below it.
function opinions_of(likes) {
  const opinions = {liked: [], disliked: [], ratings: [], known: [...likes.keys()]};
  for (const [row, value] of likes) {
    if (value === LIKED) opinions.liked.push(row);
    else if (value === DISLIKED) opinions.disliked.push(row);
    else opinions.ratings.push({row, stars: value});
  }
  return opinions;
}

function with_ratings({liked, disliked, ratings, known}) {
  if (!ratings.length) return {liked, disliked, known};
  const stars = ratings.map(one => one.stars).sort((a, b) => a - b), half = stars.length / 2;
  const median = (stars[Math.ceil(half) - 1] + stars[Math.floor(half)]) / 2, middle = (data.scale[0] + data.scale[1]) / 2;
  const from = Math.max(Math.min(median, .8 * data.scale[1]), middle);
  const rows = fits => ratings.filter(fits).map(one => one.row);
  return {liked: [...liked, ...rows(one => one.stars >= from)], disliked: [...disliked, ...rows(one => one.stars < middle)], known};
}

function like_button(row) {
  if (!can_fold_in) return "";
  const button = make("button", {type: "button", class: "like"}, my_likes.has(row) ? "In your list: show it" : "I like it");
  button.addEventListener("click", () => change(row, my_likes.get(row) ?? LIKED));
  return make("div", {class: "row"}, button);
}

function pressed(name, text, is_pressed, row, value) {
  const button = make("button", {type: "button", class: text === "★" ? "on" : "", "aria-pressed": String(is_pressed), "aria-label": name + ": " + named(row), title: name, "data-focus": row + " " + value}, text);
  button.addEventListener("click", () => change(row, value));
  return button;
}

function rating_of(row, value) {
  const stars = by_stars ? [1, 2, 3, 4, 5].map(n => pressed(counted(n, "star"), value >= n ? "★" : "☆", value === n, row, n)) : [];
  const thumbs = by_stars ? [] : [pressed("I do not like it", "👎", value === DISLIKED, row, DISLIKED), pressed("I like it", "👍", value === LIKED, row, LIKED)];
  const remove = make("button", {type: "button", "aria-label": "Remove " + named(row), title: "Remove"}, "✕");
  remove.addEventListener("click", () => change(row, undefined));
  return make("div", {class: "rate"}, make("span", {role: "group", "aria-label": "Your rating"}, ...stars, ...thumbs), remove);
}

function liked_item(row, value) {
  return make("li", {}, make("span", {}, link(row), make("small", {}, value === DISLIKED ? "not liked" : value === LIKED ? "liked" : rounded(value, 1).replace(".0", "") + " ★")), rating_of(row, value));
}

function offered_to_like(typed) {
  const {movies: rows, is_close} = found_for(typed), nothing = "No " + data.noun + " fits";
  return {
    first: [],
    said: is_close && (rows.length ? "Nothing fits; the closest are" : nothing),
    entries: rows.slice(0, N_FOUND).map(row => ({name: title(row), small: small_genres(row), take: () => change(row, LIKED)})),
    is_close,
    sentence: is_close ? (rows.length ? "Nothing fits; " + rows.length + " titles are close" : nothing) : rows.length + " found",
  };
}

function like_box() {
  const box = make("input", {id: "like", type: "text", role: "combobox", "aria-expanded": "false", "aria-controls": "likeable", "aria-autocomplete": "list", autocapitalize: "none", autocomplete: "off", spellcheck: "false", enterkeyhint: "search", "data-focus": "like"});
  const list = make("ul", {id: "likeable", class: "found", role: "listbox", "aria-label": "What was found"});
  list.hidden = true;
  combobox(box, list, offered_to_like);
  return make("div", {class: "search"}, make("label", {for: "like"}, "Add a " + data.noun + " that you like"), box, list);
}

function quick_likes() {
  const rows = highest(movies.popularity, N_OFFERED, [...my_likes.keys()]);
  return make("div", {class: "row", id: "quick"}, ...rows.map(row => {
    const button = make("button", {type: "button"}, "+ ", title(row));
    button.addEventListener("click", () => change(row, LIKED));
    return button;
  }));
}

function random_user(words) {
  const button = make("button", {type: "button"}, words);
  button.addEventListener("click", () => go(user_address(Math.floor(Math.random() * n_users))));
  return button;
}

function show_others() {
  const around = make("div", {}, heading("Or look around"), make("p", {}, data.invitation));
  const row = make("div", {class: "row"}, ...users.ids.slice(0, 3).map((id, row) => make("a", {href: "#" + user_address(row)}, "User " + id)));
  if (n_users) around.append(row), row.append(random_user("A random user"));
  const most = make("ol", {class: "movies"}, ...listed(movies.popularity, []).map(one => movie_item(one.row, make("b", {class: "stars"}, number(one.value)))));
  panel.append(make("div", {class: "two"}, around, make("div", {}, heading("Most " + (data.has_ratings ? "rated " : "chosen ") + data.noun + "s"), most)));
}

async function show_likes(address, is_current) {
  my_likes = named_in(address);
  const opinions = opinions_of(my_likes);
  const best = my_likes.size && can_fold_in ? await for_likes(opinions) : [];
  if (!is_current()) return;
  headed(data.noun[0].toUpperCase() + data.noun.slice(1) + "s you like");
  if (!can_fold_in) panel.append(make("p", {}, data.fold_in.lack));
  else if (data.fold_in.note) panel.append(make("p", {class: "note"}, data.fold_in.note));
  if (my_likes.size && can_fold_in) {
    const clear = make("a", {href: "#"}, "Start again");
    const mine = make("div", {}, like_box(), make("ul", {class: "movies mine", id: "mine"}, ...[...my_likes].map(([row, value]) => liked_item(row, value))), make("div", {class: "row"}, clear));
    const list = make("div", {}, heading("Recommended to you", "score"), make("ol", {class: "movies", id: "recommended"}, ...best.map(one => with_why(one, YOU, digits_of(best.map(one => one.value))))));
    panel.append(make("div", {class: "two"}, mine, list));
    mark([...[...my_likes.keys()].map(row => ({row, kind: "liked"})), ...best.map(one => ({row: one.row, kind: "recommended"})).reverse()]);
    return counted(best.length, data.noun) + " recommended to you";
  }
  if (can_fold_in) panel.append(like_box(), quick_likes());
  show_others();
  mark([]);
  return "";
}
