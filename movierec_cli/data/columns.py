"""What a parser hands over, before the data set has a name."""

from __future__ import annotations

from dataclasses import dataclass

from movierec_cli.data.dataset import Movies, Ratings, Users


@dataclass(frozen=True)
class Columns:
    """The three tables of one archive."""

    ratings: Ratings
    movies: Movies
    users: Users
