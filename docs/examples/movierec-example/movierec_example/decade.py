"""A feature: the decade in which a movie was released."""

from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.plugins import CategoryInput, Dataset, Encoding, Feature, Input, Side

UNKNOWN_YEAR = 0


def fit(dataset: Dataset, rows: npt.NDArray[np.int64]) -> dict[str, Any]:
    """The decades of the movies that are rated in the training rows."""
    years = dataset.movies.year[np.unique(dataset.ratings.movie_index[rows])]
    return {"decades": np.unique(years[years != UNKNOWN_YEAR] // 10).tolist()}


def encode(vocabulary: dict[str, Any], dataset: Dataset) -> tuple[Input, ...]:
    """A code a movie; 0 where the year is unknown, or training saw no movie of its decade."""
    code = {decade: place for place, decade in enumerate(vocabulary["decades"], start=1)}
    codes = [code.get(decade, 0) for decade in (dataset.movies.year // 10).tolist()]
    return (CategoryInput(np.array(codes, np.int32), len(code) + 1),)


ENCODING = Encoding(fit, encode)
DECADE = Feature(
    "decade",
    "The decade of release.",
    Side.MOVIE,
    encoding="movierec_example.decade:ENCODING",
    column="movies.year",
    needs="a year",
)
