// What is chosen stands in the address, so that a link leads to it ---------------------------------
function go(hash) {
  if (location.hash === "#" + hash) show();
  else location.hash = hash;
}

const KINDS = {movie: [movie_rows, show_film, "movie"], user: [user_rows, show_user, "user"]};

function show_unknown(thing, id) {
  show_start();
  panel.prepend(make("p", {class: "unknown"}, "This page has no " + thing + " " + id + "."));
  return "This page has no " + thing + " " + id;
}

function show() {
  const [, kind, id] = /^#(movie|user)=(-?\d+)$/.exec(location.hash) || [];
  const had_focus = panel.contains(document.activeElement);
  let sentence;
  if (!kind) sentence = show_start();
  else {
    const [rows, show_one, thing] = KINDS[kind], row = rows.get(id_of(id));
    sentence = row === undefined ? show_unknown(thing, id) : show_one(row);
  }
  say(sentence);
  if (had_focus) panel.querySelector("h2").focus({preventScroll: true});
}

document.getElementById("map-note").textContent = "Two principal components of the model's " + dim + " dimensions, popularity taken out: "
  + percent(data.share) + " of the variance. Larger dots were rated more often.";
document.getElementById("left-out").append(...data.left_out.map(sentence => make("p", {}, sentence)));
window.addEventListener("hashchange", () => {
  show();
  const top_of_panel = panel.getBoundingClientRect().top;
  if (top_of_panel < 0) panel.scrollIntoView({block: "start"});
});
show();
