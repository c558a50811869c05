"""What an explore page holds so that its scripts fold in a new user as `recommend.users.new_user` does."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config.families import Scoring
from movierec_cli.recommend.fold_in import users_spread
from movierec_cli.recommend.genre_evidence import PERSON_PRIOR, PERSON_WEIGHT, kinds_of
from movierec_cli.recommend.users import NEWEST
from movierec_cli.registry.store import Run
from movierec_cli.scoring.item_scorer import HALF_KNOWN, UNTOLD, ItemSums, ProductsAndSums
from movierec_cli.scoring.towers import HISTORY

EXACT_BYTES = 16 << 20
"""Of weights as they are; more are rounded to 16 bits."""
MOST_BYTES = 36 << 20
"""Of rounded weights; a page with more would take long to open, and does without movies that you like."""

Parts = dict[str, Any]


def fold_in_parts(run: Run, movies: npt.NDArray[np.int64]) -> Parts:
    """The parts, by the kind of the model; of a model for which they do not fit, why not.

    Args:
        run: of a model that recommends.
        movies: rows of those that are in the page.
    """
    scoring = run.record.config.family.spec.scoring
    if scoring is Scoring.EMBEDDINGS:
        return {"kind": "embeddings", **_of_embeddings(run)}
    if scoring is Scoring.FACTORS:
        return {"kind": "factors", **_of_factors(run)}
    if scoring is Scoring.POPULARITY:
        popular = run.artifacts.popularity
        assert popular is not None  # of a model that is nothing else
        return {"kind": "popularity", "values": popular[movies].tolist()}
    return _of_weights(run, movies)


def _of_embeddings(run: Run) -> Parts:
    mean, root = users_spread(run.artifacts.user_embeddings)
    newest = NEWEST if run.record.config.family.is_sequential else None
    return {"mean": mean.tolist(), "root": root.tolist(), "newest": newest}


def _of_factors(run: Run) -> Parts:
    exact, settings = run.artifacts.movie_embeddings.astype(np.float64), run.record.settings
    own = {name: settings[name] for name in ("regularization", "alpha")}
    return {"gram": (exact.T @ exact).tolist(), **own}


def _of_weights(run: Run, movies: npt.NDArray[np.int64]) -> Parts:
    scorer, n, noun = run.scorer, len(run.artifacts.movie_ids), run.record.data.noun
    sums = scorer.sums if isinstance(scorer, ProductsAndSums) else scorer
    assert isinstance(sums, ItemSums)
    n_bytes = 2 * len(run.item_weights.values)
    if len(movies) < n or n_bytes > MOST_BYTES or n > 1 << 16:
        return {
            "kind": "none",
            "lack": f"What you like would need the model's weights between all {n:,} {noun}s, which are too"
            " many for one page. movierec serve has it, and movierec recommend --liked.",
        }
    parts = {
        "kind": "weights",
        **_values(run, n_bytes, noun),
        "is_regression": sums.is_regression,
        "half_known": HALF_KNOWN,
        "untold": UNTOLD,
        "strength": sums.strength,
    }
    if sums.is_regression:
        average = sums.histories.average.astype(np.float64)
        weights = run.item_weights.values.reshape(n, n)
        parts["of_average"] = (average @ weights.astype(np.float64)).tolist()
    return parts | (_of_towers(run) if isinstance(scorer, ProductsAndSums) else {})


def _values(run: Run, n_bytes: int, noun: str) -> Parts:
    weights, starts = run.item_weights, run.histories.weight_starts
    is_exact = 2 * n_bytes <= EXACT_BYTES
    values = weights.values.astype("<f4" if is_exact else "<f2")
    parts: Parts = {"bits": 32 if is_exact else 16, "values": _base64(values)}
    if not is_exact:
        parts["note"] = (
            f"In this page the weights between {noun}s are rounded to 16 bits: scores differ from those of"
            " movierec recommend in the fourth digit, and a list may do so where two are that near."
        )
    if starts is not None and weights.columns is not None:
        parts |= {"starts": starts.tolist(), "columns": _base64(weights.columns.astype("<u2"))}
    return parts


def _of_towers(run: Run) -> Parts:
    """Of a hybrid: what makes the embedding of a history, and what genres say."""
    towers, movies = run.towers, run.artifacts.movie_embeddings
    assert towers.history is not None  # of every hybrid
    known = towers.inputs_of_histories(np.zeros((1, len(movies)), np.float32))
    inputs = zip(towers.query.inputs, known, strict=True)
    kinds = kinds_of(run)
    return {
        "towers": {
            "inputs": [None if one.name == HISTORY else values[0].tolist() for one, values in inputs],
            "history": [towers.history.shape[1], _base64(towers.history.astype("<f4"))],
            "dense": [[kernel.tolist(), bias.tolist()] for kernel, bias in towers.query.dense],
            "movies": _base64(movies.astype("<f4")),
            "mean_movie": movies.astype(np.float64).mean(axis=0).tolist(),
        },
        "kinds": {"base": kinds.base.tolist(), "prior": PERSON_PRIOR, "weight": PERSON_WEIGHT},
    }


def _base64(array: npt.NDArray[Any]) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode("ascii")
