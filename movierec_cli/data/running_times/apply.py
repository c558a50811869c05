"""Running times into a data set: its own, or IMDb's, and the user's before either."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from movierec_cli.config import DataConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.progress import Progress, unreported
from movierec_cli.data.running_times.corrections import Corrections, read_corrections
from movierec_cli.data.running_times.match_cache import cached_matches
from movierec_cli.data.running_times.matching import Match
from movierec_cli.data.running_times.titles_file import TITLES_NAME, local_titles, titles_file

_Minutes = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FoundLengths:
    """What is known of a data set's running times, and from where."""

    before: _Minutes  # [n_movies], without the user's corrections; NaN where unknown
    titles: Path | None  # IMDb's list, where it was looked into
    matches: tuple[Match, ...]  # a movie each, none where it was not
    corrections: Corrections | None
    are_own: bool  # they came with the data set

    @property
    def minutes(self) -> _Minutes:
        """[n_movies], NaN where unknown."""
        if self.corrections is None:
            return self.before
        given = self.corrections.minutes
        return np.where(np.isnan(given), self.before, given)

    @property
    def is_corrected(self) -> npt.NDArray[np.bool_]:
        """Where the user's file says something else: [n_movies]."""
        minutes = self.minutes
        differs: npt.NDArray[np.bool_] = (minutes != self.before) & ~np.isnan(minutes)
        return differs

    @property
    def origin(self) -> str:
        """Where they come from, such as "from title.basics.tsv.gz, 2 corrected by mine.csv"."""
        if self.corrections is None:
            return self._source
        file = self.corrections.file.name
        if self.titles is None and not self.are_own:
            return f"from {file} alone, as no {TITLES_NAME} is at hand"
        return f"{self._source}, {int(self.is_corrected.sum()):,} corrected by {file}"

    @property
    def _source(self) -> str:
        return f"from {'the data set itself' if self.titles is None else self.titles.name}"


def with_lengths(dataset: Dataset, config: DataConfig, progress: Progress = unreported) -> Dataset:
    """Fills `Movies.length_minutes` and `lengths_fingerprint`; a line on the coverage joins the notes.

    Raises:
        DataError: IMDb's list cannot be had or read, or the user's file is wrong.
    """
    found = find_lengths(dataset, config, progress)
    minutes = found.minutes
    corrections = found.corrections
    return replace(
        dataset,
        movies=replace(dataset.movies, length_minutes=minutes),
        lengths_fingerprint=lengths_fingerprint(minutes),
        warnings=(*dataset.warnings, *(corrections.warnings if corrections else ())),
        notes=(*dataset.notes, *_coverage_note(found)),
    )


def find_lengths(dataset: Dataset, config: DataConfig, progress: Progress = unreported) -> FoundLengths:
    """Looks for the running time of every movie.

    Lengths that a data set has of its own are not looked up. Where the user gives lengths and IMDb's list is
    not at hand, it is not downloaded.

    Args:
        dataset: left as it is.
        config: where IMDb's list and the user's file are.
        progress: called with (message, done, total) while something takes long.

    Raises:
        DataError: IMDb's list cannot be had or read, or the user's file is wrong.
    """
    movies = dataset.movies
    corrections = None if config.movie_lengths is None else read_corrections(config.movie_lengths, movies)
    if movies.length_minutes is not None:
        return FoundLengths(movies.length_minutes, None, (), corrections, are_own=True)
    # Who gives lengths may do without IMDb's, so nothing is downloaded for them.
    titles = local_titles(config) if config.movie_lengths is not None else titles_file(config, progress)
    matches = () if titles is None else cached_matches(dataset.fingerprint, movies, titles, progress=progress)
    return FoundLengths(_minutes(matches, len(movies)), titles, matches, corrections, are_own=False)


def lengths_at_hand(dataset: Dataset, config: DataConfig) -> bool:
    """Whether `with_lengths` needs no download."""
    given = (dataset.movies.length_minutes, config.movie_lengths, config.imdb_titles)
    return any(part is not None for part in given) or local_titles(config) is not None


def lengths_fingerprint(minutes: _Minutes) -> str:
    """SHA-256 (hex) of a column of minutes, one on every machine: [n_movies]."""
    return hashlib.sha256(minutes.astype("<f4").tobytes()).hexdigest()


def _minutes(matches: Sequence[Match], n_movies: int) -> _Minutes:
    if not matches:
        return np.full(n_movies, np.nan, dtype=np.float32)
    return np.array([match.minutes for match in matches], dtype=np.float32)


def _coverage_note(found: FoundLengths) -> tuple[str, ...]:
    """Nothing of lengths that came with the data set and that nobody corrected."""
    if found.are_own and found.corrections is None:
        return ()
    n_known, n_movies = int(np.isfinite(found.minutes).sum()), len(found.minutes)
    share = f"{100 * n_known / max(n_movies, 1):.0f} %"
    return (
        f"movie lengths: {n_known:,} of {n_movies:,} movies ({share}) {found.origin};"
        " see movierec data lengths",
    )
