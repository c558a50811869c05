// Why ----------------------------------------------------------------------------------------------
// As movierec recommend --why: kernel ridge regression of the user on what they rated; all less the mean movie.
const N_REASONS = 5;
const mean_movie = Float64Array.from(data.mean_embedding);
const less_mean = row => Float64Array.from(movie_vector(row), (value, i) => value - mean_movie[i]);

// x of A x = b for a symmetric A whose eigenvalues are above 0, by Cholesky's factors.
function solved(matrix, right) {
  const n = right.length, lower = matrix.map(row => Float64Array.from(row)), x = Float64Array.from(right);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = lower[i][j];
      for (let k = 0; k < j; k++) sum -= lower[i][k] * lower[j][k];
      lower[i][j] = i === j ? Math.sqrt(sum) : sum / lower[j][j];
    }
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= lower[i][k] * x[k];
    x[i] /= lower[i][i];
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= lower[k][i] * x[k];
    x[i] /= lower[i][i];
  }
  return x;
}

function gram_of(vectors) {
  const gram = Array.from({length: dim}, () => new Float64Array(dim));
  for (const vector of vectors) for (let i = 0; i < dim; i++) for (let j = 0; j < dim; j++) gram[i][j] += vector[i] * vector[j];
  return gram;
}

// How much of a user's embedding each movie is that they rated: [{row, vector, weight}].
function weighed(user) {
  const known = [...new Set(rated_by(user))].map(row => ({row, vector: less_mean(row), weight: 0}));
  const gram = gram_of(known.map(one => one.vector));
  const ridge = gram.reduce((sum, row, i) => sum + row[i], 0) / dim;
  if (ridge === 0) return known;
  gram.forEach((row, i) => { row[i] += ridge; });
  const solution = solved(gram, user_vector(user));
  for (const one of known) one.weight = dot(one.vector, solution);
  return known;
}

// average + contributions + rest = score.
function explained(user, movie, known = weighed(user)) {
  const own = less_mean(movie), vector = user_vector(user);
  const contributions = known.map(one => ({row: one.row, contribution: one.weight * dot(one.vector, own)})).sort((a, b) => b.contribution - a.contribution || a.row - b.row);
  const score = dot(vector, movie_vector(movie)), average = dot(vector, mean_movie);
  return {score, average, contributions, rest: dot(vector, own) - contributions.reduce((sum, one) => sum + one.contribution, 0)};
}

const signed = value => { const text = rounded(value, 2); return text.startsWith("−") ? text : "+" + text; };

const reason = (name, measure, kind) => make("li", {class: kind}, make("span", {}, name), measure);

function reasons(user, movie, known) {
  const {score, average, contributions, rest} = explained(user, movie, known);
  const first = contributions.slice(0, N_REASONS), others = contributions.slice(N_REASONS);
  const of_others = others.reduce((sum, one) => sum + one.contribution, 0);
  const largest = Math.max(...first.map(one => Math.abs(one.contribution))) || 1, alone = value => make("b", {class: "measure"}, signed(value));
  const items = first.map(one => reason(link(one.row), bar(one.contribution / largest, signed(one.contribution)), "movie"));
  if (others.length) items.push(reason("their other " + counted(others.length, data.noun), alone(of_others), "rest"));
  items.push(reason("what none of these accounts for", alone(rest), "rest"));
  const sentence = "For them the average " + data.noun + " has " + rounded(average, 2) + ", this one " + rounded(Math.abs(score - average), 2) + (score < average ? " less" : " more") + ". What they " + (data.has_ratings ? "rated" : "know") + " that speaks for it:";
  return make("div", {class: "why"}, make("p", {}, sentence), make("ul", {}, ...items));
}

function with_why(user, one) {
  const button = make("button", {type: "button", "aria-expanded": "false"}, "why", make("span", {class: "heard"}, " " + named(one.row)));
  const item = movie_item(one.row, make("div", {class: "score"}, button, make("b", {}, rounded(one.value, 2))));
  button.addEventListener("click", () => {
    const shown = item.querySelector(".why");
    if (shown) shown.remove();
    else item.append(reasons(user, one.row, weighed(user)));
    button.setAttribute("aria-expanded", !shown);
  });
  return item;
}
