"""What a run keeps of its data set, so that using it needs none."""

from __future__ import annotations

from dataclasses import replace

from movierec_cli.data.dataset import Dataset, Movies
from movierec_cli.data.id_index import IdIndex
from movierec_cli.registry.run_files import RunParts
from movierec_cli.registry.user_ratings import UserRatings


def with_data(parts: RunParts, source: Dataset, movies: Movies) -> RunParts:
    """Adds the catalogue and the users' ratings where a model is trained; a baseline is left as it is.

    Args:
        parts: of the run.
        source: the whole data set: what was left out of training is known to its users all the same.
        movies: the run's own, in the order of its arrays.
    """
    artifacts = parts.artifacts
    if artifacts is None:
        return parts
    known = UserRatings.from_ratings(
        source.ratings,
        IdIndex(artifacts.user_ids).rows(source.users.user_id),
        IdIndex(artifacts.movie_ids).rows(source.movies.movie_id),
        len(artifacts.user_ids),
    )
    return replace(parts, catalogue=movies, user_ratings=known)
