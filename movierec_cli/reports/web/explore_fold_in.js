// A new user, folded in as movierec recommend does it (recommend/fold_in.py, scoring/item_scorer.py) ---------
const fold = data.fold_in, can_fold_in = fold.kind !== "none";
const n_named = ({liked, disliked}) => liked.length + disliked.length;
const unknown_share = n => fold.half_known / (fold.half_known + n);

function as_list(values, known, why) {
  return highest(values, data.n_listed, known).map(row => ({row, value: values[row], why: why && (() => why(row))}));
}

// Embeddings: the most probable one, by Newton's method with backtracking ------------------------------------
// With u = mean + root v, the rows x of `movies` are those that v is multiplied by.
function newton_problem({liked, disliked}) {
  const d = fold.mean.length, n = n_movies, x = new Float64Array(n * d), offsets = new Float64Array(n);
  for (let row = 0; row < n; row++) {
    const own = movie_vector(row);
    for (let i = 0; i < d; i++) {
      offsets[row] += own[i] * fold.mean[i];
      for (let j = 0; j < d; j++) x[row * d + j] += own[i] * fold.root[i][j];
    }
  }
  const at = row => x.subarray(row * d, (row + 1) * d);
  const average = new Float64Array(d);
  for (let row = 0; row < n; row++) for (let j = 0; j < d; j++) average[j] += x[row * d + j] / n;
  const away = disliked.map(row => at(row).map((value, j) => value - average[j]));
  const scores_of = v => offsets.map((offset, row) => offset + dot(at(row), v));
  const log_sum = scores => {
    const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
    return most + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - most), 0));
  };
  const above = scores => { const mean = scores.reduce((a, b) => a + b, 0) / n; return disliked.map(row => scores[row] - mean); };

  function value(v) {
    const scores = scores_of(v);
    const likelihood = liked.reduce((sum, row) => sum + scores[row], 0) - liked.length * log_sum(scores);
    const penalty = above(scores).reduce((sum, one) => sum + Math.max(one, 0) + Math.log1p(Math.exp(-Math.abs(one))), 0);
    return penalty - likelihood + dot(v, v) / 2;
  }

  function step(v) {
    const scores = scores_of(v), total = log_sum(scores), expected = new Float64Array(d);
    const hessian = Array.from({length: d}, (_, i) => { const row = new Float64Array(d); row[i] = 1; return row; });
    for (let row = 0; row < n; row++) {
      const weight = Math.exp(scores[row] - total), own = at(row);
      for (let i = 0; i < d; i++) {
        const part = weight * own[i];
        expected[i] += part;
        if (liked.length) for (let j = 0; j <= i; j++) hessian[i][j] += liked.length * part * own[j];
      }
    }
    const pulls = above(scores).map(one => .5 + .5 * Math.tanh(one / 2));
    const gradient = Float64Array.from(v, (one, i) => one + liked.length * expected[i] - liked.reduce((sum, row) => sum + at(row)[i], 0) + away.reduce((sum, own, k) => sum + pulls[k] * own[i], 0));
    for (let i = 0; i < d; i++) {
      for (let j = 0; j <= i; j++) {
        hessian[i][j] -= liked.length * expected[i] * expected[j];
        away.forEach((own, k) => { hessian[i][j] += pulls[k] * (1 - pulls[k]) * own[i] * own[j]; });
        hessian[j][i] = hessian[i][j];
      }
    }
    const change = solved(hessian, gradient.map(one => -one));
    return {change, decrease: -dot(gradient, change)};
  }

  return {d, value, step};
}

function embedding_of(opinions) {
  const problem = newton_problem(opinions);
  let v = new Float64Array(problem.d), reached = problem.value(v);
  for (let n = 0; n < 100; n++) {
    const {change, decrease} = problem.step(v);
    const moved = length => v.map((one, i) => one + length * change[i]);
    if (decrease <= 1e-10) { v = moved(1); break; }
    let length = 1, next = problem.value(moved(1));
    while (next > reached - 1e-4 * length * decrease) { length /= 2; next = problem.value(moved(length)); }
    [v, reached] = [moved(length), next];
  }
  return Float32Array.from(fold.mean, (one, i) => one + dot(fold.root[i], v));
}

// Factors: the least squares of iALS --------------------------------------------------------------------------
function factors_of({liked, disliked}) {
  const squares = fold.gram.map((row, i) => Float64Array.from(row, (one, j) => one + (i === j ? fold.regularization : 0)));
  const right = new Float64Array(dim);
  const add = (row, preference) => {
    const own = movie_vector(row);
    for (let i = 0; i < dim; i++) {
      right[i] += preference * fold.alpha * own[i];
      for (let j = 0; j < dim; j++) squares[i][j] += (fold.alpha - 1) * own[i] * own[j];
    }
  };
  liked.forEach(row => add(row, 1));
  disliked.forEach(row => add(row, -1));
  return Float32Array.from(solved(squares, right));
}

function by_vector(of_opinions, opinions) {
  const vector = of_opinions(opinions);
  const values = Float32Array.from(movies.ids, (_, row) => dot(vector, movie_vector(row)));
  return as_list(values, opinions.known, row => reasons_of(vector, opinions.known, row));
}

// Weights from movie to movie ---------------------------------------------------------------------------------
function half(bits) {  // of a float16
  const exponent = bits >> 10 & 31, fraction = bits & 1023, sign = bits >> 15 ? -1 : 1;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * fraction / 1024);
}

let weights;  // read when they are first needed

function read_weights() {
  if (fold.bits === 16) {
    const table = Float32Array.from({length: 1 << 16}, (_, bits) => half(bits));
    weights = Float32Array.from(decoded(fold.values, Uint16Array), bits => table[bits]);
  } else weights = decoded(fold.values, Float32Array);
  if (fold.starts) fold.at = decoded(fold.columns, Uint16Array);
}

// values += share × the weights of a movie.
function add_weights(values, movie, share) {
  if (fold.starts) for (let i = fold.starts[movie]; i < fold.starts[movie + 1]; i++) values[fold.at[i]] += share * weights[i];
  else for (let j = 0, i = movie * n_movies; j < n_movies; j++, i++) values[j] += share * weights[i];
}

const mean_of = values => values.reduce((sum, one) => sum + one, 0) / values.length;

// (u − t s p)(B + c B²) for u, how often each movie counts, and s, their sum; the square only where B predicts histories.
function told(counts, unknown) {
  const once = new Float64Array(n_movies), sum = [...counts.values()].reduce((a, b) => a + b, 0);
  for (const [movie, count] of counts) add_weights(once, movie, count);
  if (!fold.is_regression) return once;
  for (let j = 0; j < n_movies; j++) once[j] -= unknown * sum * fold.of_average[j];
  const twice = new Float64Array(n_movies);
  for (let movie = 0; movie < n_movies; movie++) add_weights(twice, movie, once[movie]);
  return once.map((one, j) => one + fold.untold * unknown / fold.strength * twice[j]);
}

function history_embedding(counts) {
  const {inputs, history, dense} = fold.towers, width = history[0];
  const scale = Math.sqrt(Math.max(1, [...counts.values()].reduce((sum, one) => sum + Math.abs(one), 0)));
  fold.history ??= decoded(history[1], Float32Array);
  const of_movie = movie => fold.history.subarray(movie * width, (movie + 1) * width);
  const own = new Float64Array(width);
  for (const [movie, count] of counts) of_movie(movie).forEach((one, i) => { own[i] += count / scale * one; });
  let hidden = inputs.flatMap(one => one ?? [...own]);
  const open = [];  // the relus that are, layer by layer
  dense.forEach(([kernel, bias], layer) => {
    hidden = bias.map((one, j) => one + hidden.reduce((sum, value, i) => sum + value * kernel[i][j], 0));
    if (layer < dense.length - 1) { open.push(hidden.map(one => one > 0)); hidden = hidden.map(one => Math.max(one, 0)); }
  });
  const begin = inputs.slice(0, inputs.indexOf(null)).flat().length;
  // What one movie adds while these stay open.
  const part_of = (movie, count) => {
    let passed = new Array(inputs.flatMap(one => one ?? [...own]).length).fill(0);
    of_movie(movie).forEach((one, i) => { passed[begin + i] = count / scale * one; });
    dense.forEach(([kernel, bias], layer) => {
      passed = bias.map((_, j) => passed.reduce((sum, value, i) => sum + (value ? value * kernel[i][j] : 0), 0));
      if (layer < dense.length - 1) passed = passed.map((one, j) => open[layer][j] ? one : 0);
    });
    return passed;
  };
  return {embedding: hidden, part_of};
}

// Naive Bayes of the genres that are liked.
function genre_evidence(liked) {
  const {base, prior} = fold.kinds, n = liked.length;
  const rate = base.map((b, genre) => (liked.filter(row => movies.genres[row].includes(genre)).length + prior * b) / (n + prior));
  const has_not = rate.map((r, genre) => Math.log((1 - r) / (1 - base[genre]))), none = has_not.reduce((a, b) => a + b, 0);
  return movies.genres.map(genres => genres.reduce((sum, genre) => sum + Math.log(rate[genre] / base[genre]) - has_not[genre], none));
}

function by_weights(opinions) {
  if (!weights) read_weights();
  const {liked, disliked, known} = opinions, unknown = unknown_share(n_named(opinions));
  const counts = new Map([...liked.map(row => [row, 1]), ...disliked.map(row => [row, -1])].sort((a, b) => a[0] - b[0]));
  const values = told(counts, unknown), tower = fold.towers && history_embedding(counts);
  if (tower) {
    fold.vectors ??= decoded(fold.towers.movies, Float32Array);
    const d = tower.embedding.length, kinds = genre_evidence(liked), share = fold.kinds.weight * unknown;
    for (let row = 0; row < n_movies; row++) values[row] += dot(tower.embedding, fold.vectors.subarray(row * d, (row + 1) * d)) + share * kinds[row];
  }
  return as_list(Float32Array.from(values), known, row => reasons_by_weights(counts, unknown, values, tower, row));
}

function reasons_by_weights(counts, unknown, values, tower, row) {
  const parts = [...counts].map(([movie, count]) => {
    const own = told(new Map([[movie, count]]), unknown), of_weights = own[row] - mean_of(own);
    return {row: movie, contribution: of_weights + (tower ? of_history(tower.part_of(movie, count), row) : 0)};
  }).sort((a, b) => b.contribution - a.contribution || a.row - b.row);
  const average = mean_of(values), sum = some => some.reduce((total, one) => total + one.contribution, 0);
  const first = parts.slice(0, data.n_reasons), others = parts.slice(data.n_reasons);
  return {score: values[row], average, first, n_others: others.length, of_others: sum(others), rest: tower ? values[row] - average - sum(parts) : undefined};
}

function of_history(part, row) {
  const d = part.length, own = fold.vectors.subarray(row * d, (row + 1) * d);
  return part.reduce((sum, one, i) => sum + one * (own[i] - fold.towers.mean_movie[i]), 0);
}

// -------------------------------------------------------------------------------------------------------------
const FOLDED = {
  embeddings: opinions => by_vector(embedding_of, opinions),
  factors: opinions => by_vector(factors_of, opinions),
  weights: by_weights,
  popularity: opinions => as_list(Float32Array.from(fold.values), opinions.known),
};

function for_likes(all) {
  const opinions = with_ratings(all), newest = fold.newest ? opinions.liked.slice(-fold.newest) : opinions.liked;
  return FOLDED[fold.kind]({...opinions, liked: newest});
}
