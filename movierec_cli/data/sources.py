"""The data sets a user can name. A new one is one entry here, and a parser only if its layout is new."""

import enum
import importlib.util
from pathlib import Path

from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass


class LayoutKind(enum.StrEnum):
    """The layouts that are known by name."""

    MOVIELENS_100K = "100K"
    MOVIELENS_1M = "1M"
    MOVIELENS_10M = "10M"
    CSV = "CSV"
    KAGGLE_20M = "Kaggle's MovieLens 20M"
    THE_MOVIES_DATASET = "The Movies Dataset"
    MOVIETWEETINGS = "MovieTweetings"
    NETFLIX = "Netflix Prize"
    AMAZON = "Amazon reviews"
    BOOK_CROSSING = "Book-Crossing"
    LASTFM = "Last.fm"
    RECBOLE = "RecBole"
    TABLES = "tables"
    """Any others, by the names of their columns."""


SAMPLE = "sample"

_GROUPLENS = "https://files.grouplens.org/datasets/movielens/"
_LICENCE = (
    "GroupLens Research, University of Minnesota: free for research, with acknowledgement; no redistribution"
    " and no commercial use without permission (the README in the archive has the terms)"
)


@dataclass(frozen=True)
class Source:
    """A data set by name. The embedded sample has no archive."""

    key: str
    title: str
    archive_name: str = ""  # as published
    layout: LayoutKind | None = None
    has_users: bool = False  # gender, age, occupation
    licence: str = _LICENCE

    @property
    def stem(self) -> str:
        """The archive's name without ".zip": the folder it unpacks to."""
        return self.archive_name.removesuffix(".zip")


SOURCES = {
    source.key: source
    for source in (
        Source("1m", "MovieLens 1M", "ml-1m.zip", LayoutKind.MOVIELENS_1M, has_users=True),
        Source("100k", "MovieLens 100K", "ml-100k.zip", LayoutKind.MOVIELENS_100K, has_users=True),
        Source("10m", "MovieLens 10M", "ml-10m.zip", LayoutKind.MOVIELENS_10M),
        Source("latest-small", "MovieLens latest-small", "ml-latest-small.zip", LayoutKind.CSV),
        Source("20m", "MovieLens 20M", "ml-20m.zip", LayoutKind.CSV),
        Source("25m", "MovieLens 25M", "ml-25m.zip", LayoutKind.CSV),
        Source("32m", "MovieLens 32M", "ml-32m.zip", LayoutKind.CSV),
        Source(SAMPLE, "embedded sample, simulated ratings", has_users=True, licence="part of this program"),
    )
}

COPIED = {
    "ml-100k.zip": (4_924_029, "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229"),
    "ml-1m.zip": (5_917_549, "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20"),
    "ml-20m.zip": (198_702_078, "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3"),
    "ml-25m.zip": (261_978_986, "8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa"),
    "ml-latest-small.zip": (978_202, "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436"),
}
"""Size in bytes and SHA-256 of archives, as TensorFlow Datasets registers them; a test compares."""


@dataclass(frozen=True)
class Publication:
    """Where an archive is published, and as what."""

    url: str
    size_bytes: int | None = None  # None, like the checksum, where TFDS has none registered
    sha256: str | None = None


def source_of(key: str) -> Source:
    """Looks a source up. Raises a `UsageError` that lists the known names."""
    if key not in SOURCES:
        known = ", ".join(SOURCES)
        raise UsageError(f"unknown data set '{key}'; known are {known}; your own are named by --archive PATH")
    return SOURCES[key]


def publication_of(source: Source) -> Publication:
    """Address, size and checksum as TFDS registers them; GroupLens' address alone for an archive it lacks."""
    registered = _registered().get(source.archive_name)
    return registered or Publication(f"{_GROUPLENS}{source.archive_name}")


def _registered() -> dict[str, Publication]:
    """TFDS' entries by archive name, from its file, as importing the package would take seconds.

    Where the package is not installed, which on Windows and macOS needs more than wheels, from the copy here.
    """
    package = importlib.util.find_spec("tensorflow_datasets")
    if package is None or package.origin is None:
        return {name: Publication(f"{_GROUPLENS}{name}", *known) for name, known in COPIED.items()}
    file = Path(package.origin).parent / "url_checksums" / "movielens.txt"
    rows = [line.split("\t") for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return {name: Publication(url, int(size), sha256) for url, size, sha256, name in rows}
