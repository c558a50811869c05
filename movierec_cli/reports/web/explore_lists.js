// Lists --------------------------------------------------------------------------------------------
const panel = document.getElementById("panel");
const N_FIRST = 10;  // of the movies a user rated, until all are requested

function movie_item(row, measure, note) {
  const genres = genres_of(row).join(", ");
  return make("li", {}, make("span", {}, link(row), make("small", {}, [note || genres || "no genres", hardly_known(row)].filter(Boolean).join(" · "))), measure || "");
}

function bar(length, text) {
  const filled = make("i", {"aria-hidden": "true"});
  if (length < 0) filled.className = "against";
  filled.style.setProperty("--length", Math.min(100, 100 * Math.abs(length)).toFixed(1) + "%");
  return make("b", {class: "measure"}, filled, text);
}

function heading(text, about) {
  return make("h3", {}, text, about && make("small", {}, about));
}

function headed(name, ...content) {
  panel.replaceChildren(make("h2", {tabindex: "-1"}, name), ...content);
}

function random_user(words) {
  const button = make("button", {type: "button"}, words);
  button.addEventListener("click", () => go(user_address(Math.floor(Math.random() * n_users))));
  return button;
}

function imdb_link(row) {
  const imdb = movies.imdb && movies.imdb[row];
  return imdb ? [" · ", make("a", {href: "https://www.imdb.com/title/tt" + String(imdb).padStart(7, "0") + "/", rel: "noreferrer", target: "_blank"}, "IMDb")] : [];
}

async function show_movie(movie, is_current) {
  const near = data.likeness ? await neighbours(movie) : [];
  if (!is_current()) return;
  headed(title(movie), make("p", {class: "faint"}, described(movie), ...imdb_link(movie)), like_button(movie));
  if (data.likeness && movies.popularity[movie] < data.few_ratings) panel.append(make("p", {class: "caution"}, "With so few ratings, what is near it is mostly chance."));
  const largest = data.likeness === "cosine" ? 1 : Math.max(...near.map(one => Math.abs(one.value))) || 1;
  const nearest = () => [heading("Nearest " + data.noun + "s", data.likeness), make("ol", {class: "movies", id: "near"}, ...near.map(one => movie_item(one.row, bar(one.value / largest, rounded(one.value, 2)))))];
  panel.append(...(data.likeness ? nearest() : [make("p", {}, data.no_likeness)]));
  mark([...near.map(one => ({row: one.row, kind: "near"})).reverse(), {row: movie, kind: "chosen"}]);
  return named(movie) + (data.likeness ? ": " + near.length + " nearest " + data.noun + "s" : "");
}

async function show_user(user, is_current) {
  const {best, rated} = await about_user(user);
  if (!is_current()) return;
  const mean = rated.reduce((sum, one) => sum + one.stars, 0) / rated.length;
  const about = (data.has_ratings ? "rated " : "knows ") + counted(rated.length, data.noun) + (rated.length && data.has_ratings ? ", " + rounded(mean, 1) + data.unit + " on average" : "");
  headed("User " + users.ids[user], make("p", {class: "faint"}, about), make("div", {class: "row"}, random_user("Another user at random")));
  panel.append(heading("Recommended", "score"), make("ol", {class: "movies", id: "recommended"}, ...best.map(one => with_why(one, A_USER, digits_of(best.map(one => one.value))))));
  if (rated.length) panel.append(heading(data.has_ratings ? "Rated best" : "Known, the newest first"), ...rated_list(rated));
  mark([...rated.map(one => ({row: one.row, kind: "rated"})).reverse(), ...best.map(one => ({row: one.row, kind: "recommended"})).reverse()]);
  return "User " + users.ids[user] + ": " + best.length + " " + data.noun + "s recommended";
}

function rated_item(one) {
  const item = movie_item(one.row);
  if (data.has_ratings) item.prepend(make("span", {class: "stars"}, one.stars + data.star));
  return item;
}

function rated_list(rated) {
  const items = make("ul", {class: "movies", id: "rated"}, ...rated.slice(0, N_FIRST).map(rated_item));
  if (rated.length <= N_FIRST) return [items];
  const button = make("button", {type: "button"}, "All " + number(rated.length));
  button.addEventListener("click", () => {
    items.append(...rated.slice(N_FIRST).map(rated_item));
    items.children[N_FIRST].querySelector("a").focus();
    button.parentElement.remove();
  });
  return [items, make("div", {class: "row"}, button)];
}
// What is chosen stands in the address, so that a link leads to it ---------------------------------
function go(hash) {
  if (location.hash === "#" + hash) show();
  else location.hash = hash;
}

const KINDS = {movie: [movie_rows, show_movie, data.noun], user: [user_rows, show_user, "user"]};

async function show_unknown(thing, id, is_current) {
  await show_likes("", is_current);
  panel.prepend(make("p", {class: "unknown"}, "This page has no " + thing + " " + id + "."));
  return "This page has no " + thing + " " + id;
}

function decoded_id(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;  // of an address that was typed
  }
}

let n_shown = 0;  // what is asked for later is shown, whatever is answered first

async function show() {
  const turn = ++n_shown, is_current = () => turn === n_shown;
  const [, kind, address] = /^#(movie|user|likes)=(.*)$/.exec(location.hash) || [];
  const had_focus = panel.contains(document.activeElement) && document.activeElement.dataset.focus;
  const was_inside = panel.contains(document.activeElement);
  try {
    const sentence = await shown_for(kind, address, is_current);
    if (!is_current()) return;
    say(sentence);
  } catch (error) {
    if (!is_current()) return;
    headed("No answer", make("p", {class: "unknown"}, error.message));
    say(error.message);
  }
  const kept = had_focus && every("[data-focus]", panel).find(one => one.dataset.focus === had_focus);
  if (was_inside) (kept || panel.querySelector("h2")).focus({preventScroll: true});
}

async function shown_for(kind, address, is_current) {
  if (!(kind in KINDS)) return show_likes(kind ? address : "", is_current);
  const [rows, show_one, thing] = KINDS[kind], id = decoded_id(address), row = row_of(rows, id);
  return row === undefined ? show_unknown(thing, id, is_current) : show_one(row, is_current);
}

document.getElementById("left-out").append(...data.left_out.map(sentence => make("p", {}, sentence)));
window.addEventListener("hashchange", async event => {
  await show();
  if (/#likes=/.test(event.oldURL) && /#likes=/.test(event.newURL)) return;  // the list is where it was
  const top_of_panel = panel.getBoundingClientRect().top;
  if (top_of_panel < 0) panel.scrollIntoView({block: "start"});
});
show();
