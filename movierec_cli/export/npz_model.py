"""A model as plain arrays, for programs that have NumPy and nothing else."""

import io
import json
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Ids, RatingScale, are_texts, id_at
from movierec_cli.export.model_arrays import ModelArrays
from movierec_cli.registry.store import Run
from movierec_cli.scoring.towers import Towers
from movierec_cli.storage.npz import Arrays, write

README, VOCABULARIES = "README.txt", "vocabularies.json"
SNIPPET = """\
import numpy as np

model = np.load("model.npz")
user = np.flatnonzero(model["user_id"] == USER)[0]
scores = model["movie_embedding"] @ model["user_embedding"][user]
seen = model["seen_movie"][model["seen_start"][user] : model["seen_start"][user + 1]]
scores[np.isin(model["same_as"], model["same_as"][seen])] = -np.inf
best = np.argsort(-scores, kind="stable")
_, places = np.unique(model["same_as"][best], return_index=True)
print(model["title"][best[np.sort(places)[:10]]])
"""
"""Code that recommends to a user; fill in USER and the file's name."""

_PRODUCT = 'scores = model["movie_embedding"] @ model["user_embedding"][user]\n'
_FROM_HISTORY = """\
history = model["history_movie"][model["history_start"][user] : model["history_start"][user + 1]]
"""
_SUM = """\
starts, to, weight = model["weight_start"], model["weight_movie"], model["weight"]
for movie in history:
    own = slice(starts[movie], starts[movie + 1])
    scores[to[own]] += weight[own]
"""
_FROM_ZERO = (
    'scores = np.zeros(len(model["movie_id"]), np.float32) if len(history) else model["popularity"]\n'
)
Described = dict[str, tuple[npt.NDArray[Any], str]]
"""Arrays with their meanings, by name."""

_TOWERS = """\
Towers: towers/query/NN/row/NAME has a row for each user (in the movies' tower: movie),
towers/query/NN/context/NAME one for each code of a context; {vocabularies} says how to find the code.
The rows looked up stand side by side in the order of NN and go through the layers, each
@ towers/query/kernel/NN + towers/query/bias/NN, with a relu between layers and none after the last.
The result is the embedding. towers/codes holds the codes of each user's last training rating.
"""


def snippet(run: Run) -> str:
    """`SNIPPET` for the way in which a run's scores are made."""
    family = run.record.config.family
    if not family.has_item_weights:
        return SNIPPET
    start = _PRODUCT if family.is_trained else _FROM_ZERO
    return SNIPPET.replace(_PRODUCT, _FROM_HISTORY + start + _SUM)


def to_npz(run: Run) -> bytes:
    """The content of the file: arrays, and two texts that `numpy.load` gives as bytes.

    Raises:
        SavedModelError: the run is damaged.
    """
    described = _described(run)
    family = run.record.config.family
    towers = _tower_arrays(run.towers) if family.is_trained and not family.is_sequential else {}
    vocabularies = json.dumps(run.artifacts.vocabularies, indent=1)
    texts = {README: _readme(run, described, towers), VOCABULARIES: vocabularies}
    arrays = {name: array for name, (array, _) in described.items()}
    content = io.BytesIO()
    write(content, arrays | towers, texts, compressed=True)  # titles of fixed width are mostly zeros
    return content.getvalue()


def _scoring(run: Run) -> Described:
    """What makes the scores: embeddings, weights, or both."""
    family = run.record.config.family
    products = _products(run) if family.is_trained or not family.has_item_weights else {}
    return products | (_sums(run) if family.has_item_weights else {})


def _products(run: Run) -> Described:
    users, movies = ModelArrays(run).embeddings
    return {
        "user_embedding": (users, "as of each user's last training rating"),
        "movie_embedding": (movies, "its dot product with a user's embedding is the score"),
    }


def _sums(run: Run) -> Described:
    noun, known, weights, n_movies = run.record.data.noun, run.histories, run.item_weights, len(run.catalogue)
    stops = [known.place_of(row).stop for row in range(n_movies)]
    columns = weights.columns
    if columns is None:
        columns = np.tile(np.arange(n_movies, dtype=np.int32), n_movies)
    popularity = run.artifacts.popularity
    cold = {} if popularity is None else {"popularity": (popularity, "the scores for users without history")}
    added = " to that" if run.record.config.family.is_trained else ""
    return {
        "history_start": (known.starts, "where each user's training history begins"),
        "history_movie": (known.movie, f"rows of {noun}s, whose weights to a {noun} are added up{added}"),
        "weight_start": (np.array([0, *stops]), f"where the weights of each {noun} begin"),
        "weight_movie": (columns, f"the rows of {noun}s that they lead to"),
        "weight": (weights.values, ""),
        **cold,
    }


def _described(run: Run) -> Described:
    """Each array with its meaning."""
    artifacts, movies, known, data = run.artifacts, run.catalogue, run.user_ratings, run.record.data
    return {
        "user_id": (
            _ids(artifacts.user_ids),
            "the users, in the order of every array with a row for each",
        ),
        "movie_id": (_ids(artifacts.movie_ids), f"the {data.noun}s, likewise"),
        **_scoring(run),
        "title": (movies.title.astype(np.str_), ""),
        "year": (movies.year, "0 where the title has none"),
        "same_as": (run.duplicates.first, "the row of the first movie of the same title and year"),
        "genres": (movies.genres, "one column a genre"),
        "genre_name": (np.array(movies.genre_names, np.str_), "the columns of genres"),
        "seen_start": (known.starts, "user u rated the entries from seen_start[u] up to seen_start[u + 1]"),
        "seen_movie": (known.movie, f"rows of {data.noun}s, each user's oldest first"),
        "seen_stars": (known.stars, _ratings(data.scale)),
        "seen_seconds": (
            known.seconds,
            "when, since 1970-01-01 UTC" if data.has_times else "unknown",
        ),
    }


def _ratings(scale: RatingScale | None) -> str:
    if scale is None:
        return "1 each: the data have no ratings"
    return f"the ratings, {scale.lowest:g} to {scale.highest:g}{' stars' if scale.is_of_stars else ''}"


def _ids(ids: Ids) -> npt.NDArray[Any]:
    """Texts of fixed width, as objects would have to be pickled."""
    return ids.astype(np.str_) if are_texts(ids) else ids


def _tower_arrays(towers: Towers) -> Arrays:
    arrays: Arrays = {"towers/codes": towers.codes}
    for side, tower in (("query", towers.query), ("movie", towers.movie)):
        for place, one in enumerate(tower.inputs):
            kind = "context" if one.is_context else "row"
            arrays[f"towers/{side}/{place:02d}/{kind}/{one.name}"] = one.table
        for place, (kernel, bias) in enumerate(tower.dense):
            arrays |= {f"towers/{side}/kernel/{place:02d}": kernel, f"towers/{side}/bias/{place:02d}": bias}
    return arrays


def _readme(run: Run, described: Described, towers: Arrays) -> str:
    record = run.record
    lines = [f"{record.name}: {record.config.label}, trained by movierec on {record.data.description}", ""]
    lines += [_line(name, *one) for name, one in described.items()]
    if towers:
        lines += ["", _TOWERS.format(vocabularies=VOCABULARIES)]
        lines += [_line(name, array) for name, array in towers.items()]
    user = repr(id_at(run.artifacts.user_ids, 0))
    lines += [
        "",
        f"Ten {record.data.noun}s for user {user}, best first:",
        "",
        snippet(run).replace("USER", user),
    ]
    return "\n".join(lines)


def _line(name: str, array: npt.NDArray[Any], meaning: str = "") -> str:
    shape = " x ".join(map(str, array.shape))
    return f"{name:<30} {array.dtype!s:<8} {shape:<14} {meaning}".rstrip()
