// Vectors, of which the page computes its lists and reasons -----------------------------------------
const dim = data.dim;
movies.embeddings = decoded(data.movies.embeddings, Float32Array);
users.embeddings = decoded(data.users.embeddings, Float32Array);

const movie_vector = row => movies.embeddings.subarray(row * dim, (row + 1) * dim);
const alike_vector = row => movie_vector(row).subarray(0, data.n_alike);
const user_vector = row => users.embeddings.subarray(row * dim, (row + 1) * dim);

function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

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
function explained(user, movie) {
  const known = weighed(user);
  const own = less_mean(movie), vector = user_vector(user);
  const contributions = known.map(one => ({row: one.row, contribution: one.weight * dot(one.vector, own)})).sort((a, b) => b.contribution - a.contribution || a.row - b.row);
  const score = dot(vector, movie_vector(movie)), average = dot(vector, mean_movie);
  const sum_of = some => some.reduce((sum, one) => sum + one.contribution, 0);
  const first = contributions.slice(0, data.n_reasons), others = contributions.slice(data.n_reasons);
  return {score, average, contributions, rest: dot(vector, own) - sum_of(contributions), first, n_others: others.length, of_others: sum_of(others)};
}
