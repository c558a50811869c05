"""A run's movies as people know them, so that recommending needs no data set."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt

from movierec_cli.data.dataset import Movies
from movierec_cli.registry.arrays import Arrays, pack, unpack

FILE_NAME = "catalogue.npz"

_DTYPES = {
    "movie_id": np.dtype(np.int64),
    "year": np.dtype(np.int16),
    "genres": np.dtype(np.bool_),
    "title": np.dtype(np.uint8),
    "genre_names": np.dtype(np.uint8),
}
_OPTIONAL_DTYPES = {"length_minutes": np.dtype(np.float32), "imdb_number": np.dtype(np.int64)}


def to_bytes(movies: Movies) -> bytes:
    """The content of the file."""
    arrays: Arrays = {
        "movie_id": movies.movie_id,
        "year": movies.year,
        "genres": movies.genres,
        "title": _text(movies.title.tolist()),
        "genre_names": _text(list(movies.genre_names)),
    }
    optional = {name: getattr(movies, name) for name in _OPTIONAL_DTYPES}
    return pack(arrays | {name: array for name, array in optional.items() if array is not None})


def from_bytes(content: bytes) -> Movies:
    """Rebuilds what `to_bytes` wrote.

    Raises:
        ValueError: the file does not hold what it should.
    """
    arrays = unpack(content)
    expected = _DTYPES | {name: kind for name, kind in _OPTIONAL_DTYPES.items() if name in arrays}
    if {name: array.dtype for name, array in arrays.items()} != expected:
        raise ValueError(f"{FILE_NAME} holds {sorted(arrays)}, not {sorted(_DTYPES)}, or other types")
    titles, genre_names = _texts(arrays["title"]), _texts(arrays["genre_names"])
    n = len(titles)
    columns = [name for name in ("movie_id", "year", *_OPTIONAL_DTYPES) if name in arrays]
    for name, shape in (*((name, (n,)) for name in columns), ("genres", (n, len(genre_names)))):
        if arrays[name].shape != shape:
            raise ValueError(f"{FILE_NAME}: {name} has shape {arrays[name].shape}, not {shape}")
    return Movies(
        movie_id=arrays["movie_id"],
        title=np.array(titles, dtype=np.object_),
        year=arrays["year"],
        genres=arrays["genres"],
        genre_names=tuple(genre_names),
        length_minutes=arrays.get("length_minutes"),
        imdb_number=arrays.get("imdb_number"),
    )


def _text(values: list[str]) -> npt.NDArray[np.uint8]:
    """As JSON: an array of objects would have to be pickled, and one of fixed width wastes most of it."""
    return np.frombuffer(json.dumps(values, ensure_ascii=False).encode("utf-8", "surrogatepass"), np.uint8)


def _texts(content: npt.NDArray[np.uint8]) -> list[str]:
    values = json.loads(content.tobytes().decode("utf-8", "surrogatepass"))
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise ValueError(f"{FILE_NAME} holds something else than a list of texts")
    return values
