// Lists and reasons of a model without vectors, computed when the page was written -------------------
const rows_of = text => text && decoded(text, Int32Array), values_of = text => text && decoded(text, Float32Array);
const near_rows = rows_of(data.movies.near), near_values = values_of(data.movies.nearness);
const best_rows = rows_of(data.users.recommended), best_scores = values_of(data.users.scores);
const reason_rows = rows_of(data.users.reasons), contributions = values_of(data.users.contributions), of_others = values_of(data.users.of_others), rests = values_of(data.users.rest);

// The movies of one of many lists of n places; a place without one has a row below 0.
function places(rows, values, list, n) {
  return Array.from({length: n}, (_, place) => ({row: rows[n * list + place], value: values[n * list + place]})).filter(one => one.row >= 0);
}

const neighbours = movie => places(near_rows, near_values, movie, data.n_listed);
const recommended = user => places(best_rows, best_scores, user, data.n_listed);
const has_reasons = user => users.n_known[user] > 0;

// average + contributions + rest = score; of weights alone nothing is left.
function explained(user, movie) {
  const place = data.n_listed * user + recommended(user).findIndex(one => one.row === movie), score = best_scores[place];
  const first = places(reason_rows, contributions, place, data.n_reasons).map(one => ({row: one.row, contribution: one.value}));
  const rest = rests ? rests[place] : undefined;
  const advantage = first.reduce((sum, one) => sum + one.contribution, of_others[place] + (rest ?? 0));
  return {score, average: score - advantage, first, n_others: users.n_known[user] - first.length, of_others: of_others[place], rest};
}

const about_user = user => ({
  best: recommended(user).map(one => ({...one, why: has_reasons(user) ? () => explained(user, one.row) : undefined})),
  rated: rated_best(user),
});

