"""From a trained model to the stars of many pairs, and to the arrays that predict without TensorFlow."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.evaluation.ratings import RatingOutcome, clipped, rating_scale
from movierec_cli.models.feature_encodings import Rows
from movierec_cli.models.rating.evidence import Evidence
from movierec_cli.models.rating.multi_task import MultiTaskModel
from movierec_cli.models.rating.rating_batches import RatedPairs, pool_of_users
from movierec_cli.models.two_tower.tower_queries import Queries
from movierec_cli.models.two_tower.two_tower import query_blocks
from movierec_cli.scoring.rating_head import RatingHead


def predicted_stars(model: MultiTaskModel, pairs: RatedPairs, seen: RaggedRows) -> npt.NDArray[np.float32]:
    """The model's stars for the pairs, in the order in which they were grouped, not cut to the scale."""
    queries = pairs.interactions.queries
    parts = []
    for rows in query_blocks(queries):
        batch = model.batch_of(queries.take(rows), seen) | pairs.of_queries(rows)
        parts.append(model.compiled_stars(batch).numpy())
    stars = np.empty(len(pairs.stars), np.float32)
    stars[pairs.interactions.order] = np.concatenate(parts)
    return stars


def rating_outcome(
    model: MultiTaskModel, dataset: Dataset, rows: Rows, pairs: RatedPairs, seen: RaggedRows
) -> RatingOutcome:
    """What the model makes of the ratings at `rows`, which `pairs` groups."""
    return RatingOutcome(
        rows=rows,
        user_index=dataset.ratings.user_index[rows],
        rating=dataset.ratings.rating[rows],
        predicted=clipped(predicted_stars(model, pairs, seen), dataset),
    )


def rating_head(
    model: MultiTaskModel,
    evidence: Evidence,
    users: Queries,
    seen: RaggedRows,
) -> RatingHead:
    """The arrays that predict as the model does for users who have not begun a session.

    Args:
        model: trained.
        evidence: its training set's.
        users: every user as a query.
        seen: each user's training movies.
    """
    dataset, layers = evidence.dataset, model.rating
    movies = np.arange(len(dataset.movies), dtype=np.int32)
    lowest, highest = rating_scale(dataset)
    return RatingHead(
        user_vectors=_user_vectors(model, evidence, users, seen),
        movie_vectors=layers.movie_top(model.movie_tower.parts()).numpy(),
        user_bias=layers.user_bias.numpy(),
        movie_bias=layers.movie_bias.numpy(),
        user_numbers=evidence.of_users(users.user_index),
        movie_numbers=evidence.of_movies(movies),
        linear=layers.linear.numpy()[:, 0],
        dense=tuple((layer.kernel.numpy(), layer.bias.numpy()) for layer in layers.dense),
        scale=float(layers.scale.numpy()),
        mean=evidence.mean,
        lowest=lowest,
        highest=highest,
    )


def _user_vectors(
    model: MultiTaskModel, evidence: Evidence, users: Queries, seen: RaggedRows
) -> npt.NDArray[np.float32]:
    parts = []
    n_ratings = evidence.n_ratings.astype(np.float32)
    for rows in query_blocks(users):
        asked = users.take(rows)
        batch = model.batch_of(asked, seen) | pool_of_users(evidence, asked.user_index)
        parts.append(model.user_vectors(batch, n_ratings[asked.user_index]).numpy())
    return np.concatenate(parts)
