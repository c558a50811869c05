// A model that is served: lists and reasons are asked for ---------------------------------------------------
const dim = data.dim, can_fold_in = true, MODEL = "/api/models/" + encodeURIComponent(data.run);
const rows_by_id = id => movie_rows.get(String(id));

async function asked(address, body) {
  let response;
  try {
    response = await fetch(MODEL + address, body && {method: "POST", headers: {"content-type": "application/json"}, body: JSON.stringify(body)});
  } catch {
    throw new Error("The server does not answer.");
  }
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

// average + contributions + rest = score.
function explained(why) {
  const parts = why.of_movies.map(one => ({row: rows_by_id(one.movie_id), contribution: one.contribution}));
  const first = parts.slice(0, data.n_reasons), others = parts.slice(data.n_reasons);
  const of_others = others.reduce((sum, one) => sum + one.contribution, 0);
  return {score: why.score, average: why.score_of_average_movie, first, n_others: others.length, of_others, rest: Math.abs(why.of_no_movie) > 1e-6 ? why.of_no_movie : undefined};
}

// Reasons take longer than a list, so they are asked for when one is looked at, once for the whole list.
function list_of(answer, question) {
  let with_reasons;
  const reasons_for = async row => {
    with_reasons ??= question();
    const movie = (await with_reasons).movies.find(one => rows_by_id(one.movie_id) === row);
    return explained(movie.why);
  };
  return answer.movies.map(one => ({row: rows_by_id(one.movie_id), value: one.score, why: data.has_reasons ? () => reasons_for(rows_by_id(one.movie_id)) : undefined}));
}

async function neighbours(movie) {
  const {movies: near} = await asked("/movies/" + encodeURIComponent(movies.ids[movie]) + "/similar?top=" + data.n_listed);
  return near.map(one => ({row: rows_by_id(one.movie_id), value: one.similarity}));
}

async function about_user(user) {
  const address = "/users/" + encodeURIComponent(users.ids[user]) + "/recommendations?top=" + data.n_listed;
  const answer = await asked(address);
  return {best: list_of(answer, () => asked(address + "&why=true")), rated: answer.rated.map(one => ({row: rows_by_id(one.movie_id), stars: one.rating}))};
}

const ids_of = rows => rows.map(row => movies.ids[row]);
const as_opinions = ({liked, disliked, ratings}) => ({liked: ids_of(liked), disliked: ids_of(disliked), ratings: ratings.map(one => ({movie_id: movies.ids[one.row], rating: one.stars}))});

// What is liked is the history, in the order in which it was named; undefined where nothing is.
function as_history(opinions) {
  const {liked, disliked, known} = with_ratings(opinions);
  const others = known.filter(row => !liked.includes(row) && !disliked.includes(row));
  return liked.length ? {watched: ids_of(known.filter(row => liked.includes(row))), disliked: ids_of(disliked), seen: ids_of(others)} : undefined;
}

async function for_likes(opinions) {
  const named = data.reads_history && as_history(opinions) || as_opinions(opinions), body = {...named, top: data.n_listed};
  const answer = await asked("/recommendations", body);
  return list_of(answer, () => asked("/recommendations", {...body, why: true}));
}

// The choice of a model keeps what is looked at.
const choice = document.getElementById("models");
choice.addEventListener("change", () => { location.href = "/?model=" + encodeURIComponent(choice.value) + location.hash; });
fetch("/api/models").then(response => response.json()).then(({models}) => {
  choice.replaceChildren(...models.map(one => {
    const option = make("option", {value: one.name}, one.label + " — " + one.name);
    option.selected = one.name === data.run;
    return option;
  }));
}).catch(() => say("The server does not answer."));
