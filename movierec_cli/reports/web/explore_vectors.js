// Vectors, of which the page computes its lists and reasons -----------------------------------------
const dim = data.dim;
movies.embeddings = decoded(data.movies.embeddings, Float32Array);
users.embeddings = decoded(data.users.embeddings, Float32Array);

const movie_vector = row => movies.embeddings.subarray(row * dim, (row + 1) * dim);
const alike_vector = row => movie_vector(row).subarray(0, data.n_alike);
const user_vector = row => users.embeddings.subarray(row * dim, (row + 1) * dim);

// As float32, in which equal scores are equal in the program, too.
function scores(user) {
  const own = user_vector(user);
  if (data.fallback && own.every(value => value === 0)) return Float32Array.from(data.fallback);  // without history
  return Float32Array.from(movies.ids, (_, row) => dot(own, movie_vector(row)));
}

function cosines(movie) {
  const own = alike_vector(movie), length = Math.sqrt(dot(own, own));
  return Float32Array.from(movies.ids, (_, row) => {
    const other = alike_vector(row), both = length * Math.sqrt(dot(other, other));
    return both ? dot(own, other) / both : 0;
  });
}

const neighbours = movie => listed(cosines(movie), [movie]);
const recommended = user => listed(scores(user), rated_by(user));
const has_reasons = user => user_vector(user).some(value => value !== 0);

// As movierec recommend --why: kernel ridge regression of the user on what they rated; all less the mean movie.
const mean_movie = Float64Array.from(data.mean_embedding);
const less_mean = row => Float64Array.from(movie_vector(row), (value, i) => value - mean_movie[i]);

function gram_of(vectors) {
  const gram = Array.from({length: dim}, () => new Float64Array(dim));
  for (const vector of vectors) for (let i = 0; i < dim; i++) for (let j = 0; j < dim; j++) gram[i][j] += vector[i] * vector[j];
  return gram;
}

// How much of an embedding each movie is that its user knows: [{row, vector, weight}].
function weighed(embedding, rows) {
  const known = [...new Set(rows)].map(row => ({row, vector: less_mean(row), weight: 0}));
  const gram = gram_of(known.map(one => one.vector));
  const ridge = gram.reduce((sum, row, i) => sum + row[i], 0) / dim;
  if (ridge === 0) return known;
  gram.forEach((row, i) => { row[i] += ridge; });
  const solution = solved(gram, embedding);
  for (const one of known) one.weight = dot(one.vector, solution);
  return known;
}

const explained = (user, movie) => reasons_of(user_vector(user), rated_by(user), movie);
const about_user = user => ({
  best: recommended(user).map(one => ({...one, why: has_reasons(user) ? () => explained(user, one.row) : undefined})),
  rated: rated_best(user),
});

// average + contributions + rest = score.
function reasons_of(vector, rows, movie) {
  const known = weighed(vector, rows);
  const own = less_mean(movie);
  const contributions = known.map(one => ({row: one.row, contribution: one.weight * dot(one.vector, own)})).sort((a, b) => b.contribution - a.contribution || a.row - b.row);
  const score = dot(vector, movie_vector(movie)), average = dot(vector, mean_movie);
  const sum_of = some => some.reduce((sum, one) => sum + one.contribution, 0);
  const first = contributions.slice(0, data.n_reasons), others = contributions.slice(data.n_reasons);
  return {score, average, contributions, rest: dot(vector, own) - sum_of(contributions), first, n_others: others.length, of_others: sum_of(others)};
}
