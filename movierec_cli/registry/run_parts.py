"""What a run's folder holds beside its record: which parts, and in which files, follows from its family."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from dataclasses import field, replace
from typing import IO, TYPE_CHECKING, Annotated, Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Family
from movierec_cli.data.dataset import UNKNOWN_ROW, Dataset, IdIndex, Ids, Movies, Ratings
from movierec_cli.data.ragged import by_user_and_time
from movierec_cli.records import dataclass
from movierec_cli.registry.record import DataIdentity, RunConfig
from movierec_cli.storage import codec
from movierec_cli.storage.constraints import AtLeast, AtMost, Below, Distinct, Finite, Sizes
from movierec_cli.storage.npz import read_slices
from movierec_cli.storage.serialization import JSON

if TYPE_CHECKING:
    from movierec_cli.evaluation.outcome import Outcome
    from movierec_cli.evaluation.ratings import RatingOutcome
    from movierec_cli.scoring.item_weights import Histories, ItemWeights
    from movierec_cli.scoring.rating_head import RatingHead
    from movierec_cli.scoring.towers import Towers

_Rows = npt.NDArray[np.int32]
_COLUMNS = ("movie", "stars", "seconds")
_TEST_RATING_BYTES, _RATING_BYTES, _LEAST_WEIGHT_BYTES = 16, 8, 2

FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799  # of the years 1 and 9999, which have dates


@dataclass(frozen=True)
class RunArtifacts:
    """A trained model as plain arrays and vocabularies: what rebuilds and serves it."""

    weights: Annotated[dict[str, npt.NDArray[Any]], Finite()]
    """By variable, with `in_towers` enough to rebuild the model."""
    vocabularies: dict[str, JSON]  # what each feature was fitted to, by feature
    user_ids: Annotated[Ids, "n_users", AtLeast(0), Distinct()]
    movie_ids: Annotated[Ids, "n_movies", AtLeast(0), Distinct()]
    user_embeddings: Annotated[npt.NDArray[np.float32], "n_users", "dim", Finite()]
    """As queries at their last training rating."""
    movie_embeddings: Annotated[npt.NDArray[np.float32], "n_movies", "dim", Finite()]
    popularity: Annotated[npt.NDArray[np.float32], "n_movies", Finite(3e38)] | None = None
    """Of a baseline: in its training, for users who have no history there; their embeddings are zeros."""
    in_towers: dict[str, JSON] = field(default_factory=dict)
    """The weights that are tables of the towers, which have them already: names of `Towers.tables`."""


@dataclass(frozen=True)
class UserRatings:
    """What each user of a run rated, in any set of the split: it is not recommended again.

    Each user's ratings are by time and then in the file's order; rows are the run's own.

    Raises:
        ValueError: lengths do not fit together.
    """

    starts: Annotated[npt.NDArray[np.int64], "n_users + 1"]  # where each user's ratings begin
    movie: Annotated[_Rows, "n_ratings", np.uint16, AtLeast(0), Below("n_movies")]
    """Rows of the run's movies."""
    stars: Annotated[npt.NDArray[np.float32], "n_ratings", np.float16, Finite()]
    seconds: Annotated[
        npt.NDArray[np.int64], "n_ratings", np.uint32, AtLeast(FIRST_SECOND), AtMost(LAST_SECOND)
    ]
    """Since 1970-01-01 UTC."""
    popularity: Annotated[npt.NDArray[np.int64], "n_movies", np.uint32, AtLeast(0)]
    """How often each movie was rated, by all users."""
    checksums: Annotated[npt.NDArray[np.uint32], "n_users"]
    """CRC-32 of each user's ratings: movies, stars and seconds."""

    @classmethod
    def of_columns(
        cls,
        starts: npt.NDArray[np.int64],
        movie: _Rows,
        stars: npt.NDArray[np.float32],
        seconds: npt.NDArray[np.int64],
        n_movies: int,
    ) -> UserRatings:
        """Of all users; adds what follows from the ratings."""
        bounds = zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
        checksums = [_checksum(movie[a:b], stars[a:b], seconds[a:b]) for a, b in bounds]
        popularity = np.bincount(movie, minlength=n_movies)
        return cls(starts, movie, stars, seconds, popularity, np.array(checksums, np.uint32))

    def __post_init__(self) -> None:
        n = len(self.movie)
        if len(self.starts) == 0 or self.starts[0] != 0 or self.starts[-1] != n:
            raise ValueError(f"the users' ratings do not begin and end where the {n} ratings do")
        if (self.starts[1:] < self.starts[:-1]).any():
            raise ValueError("a user's ratings end before they begin")

    def of(self, user: int) -> slice:
        """Which entries are one user's."""
        return slice(int(self.starts[user]), int(self.starts[user + 1]))

    def stars_by_movie(self, user: int) -> dict[int, float]:
        """What one user rated, by row of the movie."""
        mine = self.of(user)
        return dict(zip(self.movie[mine].tolist(), self.stars[mine].tolist(), strict=True))

    def only(self, user: int) -> UserRatings:
        """Those of one user, as of the only one."""
        mine = self.of(user)
        starts = np.array([0, mine.stop - mine.start])
        return replace(
            self,
            starts=starts,
            **{name: getattr(self, name)[mine] for name in _COLUMNS},
            checksums=self.checksums[user : user + 1],
        )

    @classmethod
    def read_one(cls, file: IO[bytes], user: int, sizes: Sizes) -> UserRatings:
        """What `only` gives of one user, from the file of all, of which nothing else is read.

        Raises:
            ValueError: the file holds what cannot be used, as `codec.from_file` says.
        """
        name = PARTS["user_ratings"].file_name
        starts = codec.field_from_file(cls, "starts", file, name, sizes)
        begin, end = starts[user : user + 2].tolist()
        columns = {one: read_slices(file, one, [slice(begin, end)])[0] for one in _COLUMNS}
        (checksum,) = read_slices(file, "checksums", [slice(user, user + 1)])
        popularity = codec.field_from_file(cls, "popularity", file, name, sizes)
        arrays = {"starts": np.array([0, end - begin]), **columns, "checksums": checksum}
        found = codec.from_arrays(
            cls, {**arrays, "popularity": popularity}, name, sizes={**sizes, "n_users": 1, "n_users + 1": 2}
        )
        if _checksum(found.movie, found.stars, found.seconds) != checksum[0]:
            raise ValueError(f"the ratings of the user at row {user} are not those that were written")
        return found

    @classmethod
    def read_popularity(cls, file: IO[bytes], sizes: Sizes) -> npt.NDArray[np.int64]:
        """What `popularity` gives, from the file; raises as `read_one`."""
        popularity: npt.NDArray[np.int64] = codec.field_from_file(
            cls, "popularity", file, PARTS["user_ratings"].file_name, sizes
        )
        return popularity

    @classmethod
    def from_ratings(
        cls, ratings: Ratings, user_rows: _Rows, movie_rows: _Rows, n_users: int, n_movies: int
    ) -> UserRatings:
        """Sorts a data set's ratings by the run's users.

        Args:
            ratings: of the data set.
            user_rows: the run's row of each user of the data set, `UNKNOWN_ROW` for those it left out.
            movie_rows: the run's row of each movie, likewise.
            n_users: of the run.
            n_movies: of the run.
        """
        users, movies = user_rows[ratings.user_index], movie_rows[ratings.movie_index]
        is_kept = (users != UNKNOWN_ROW) & (movies != UNKNOWN_ROW)
        stars, seconds = ratings.rating, ratings.timestamp
        if not is_kept.all():
            users, movies, stars, seconds = (one[is_kept] for one in (users, movies, stars, seconds))
        starts = np.concatenate([[0], np.cumsum(np.bincount(users, minlength=n_users))])
        order = by_user_and_time(users, seconds)
        columns = movies[order], stars[order], seconds[order]
        return cls.of_columns(starts, *columns, n_movies)


def _checksum(movie: _Rows, stars: npt.NDArray[np.float32], seconds: npt.NDArray[np.int64]) -> int:
    """Of one user's ratings."""
    return zlib.crc32(seconds.data, zlib.crc32(stars.data, zlib.crc32(movie.data)))


@dataclass(frozen=True, kw_only=True)
class RunParts:
    """What a run can have; None where its family has no such part (`PARTS`)."""

    outcome: Outcome | None = None
    artifacts: RunArtifacts | None = None
    catalogue: Movies | None = None
    user_ratings: UserRatings | None = None
    towers: Towers | None = None
    histories: Histories | None = None
    item_weights: ItemWeights | None = None
    rating_outcome: RatingOutcome | None = None
    rating_head: RatingHead | None = None

    @property
    def has_item_weights(self) -> bool:
        """Whether it is of a model of weights from movie to movie."""
        return self.histories is not None

    @property
    def weights(self) -> dict[str, npt.NDArray[Any]]:
        """Those of a trained model, see `weights_of`."""
        return weights_of(self)

    def contents(self, sizes: Sizes) -> dict[str, bytes]:
        """The content of each file that holds a part, by file name.

        Raises:
            ValueError: a part would be refused when it is read.
        """
        contents = {}
        for name, part in PARTS.items():
            if (value := getattr(self, name)) is not None:
                part.check(value, self)
                if part.shared_file:
                    files = codec.in_two_files(value, part.shared_fields, sizes)
                    contents[part.shared_file], contents[part.file_name] = files
                else:
                    contents[part.file_name] = codec.to_bytes(value, sizes)
        return contents

    def with_data(self, source: Dataset, movies: Movies) -> RunParts:
        """Adds the catalogue and the users' ratings, so that using a trained model needs no data set.

        Args:
            source: the whole data set: what was left out of training is known to its users all the same.
            movies: the run's own, in the order of its arrays.
        """
        if self.artifacts is None:
            return self
        known = UserRatings.from_ratings(
            source.ratings,
            IdIndex(self.artifacts.user_ids).rows(source.users.user_id),
            IdIndex(self.artifacts.movie_ids).rows(source.movies.movie_id),
            len(self.artifacts.user_ids),
            len(self.artifacts.movie_ids),
        )
        return replace(self, catalogue=replace(movies, own=()), user_ratings=known)


def weights_of(run: Any) -> dict[str, npt.NDArray[Any]]:
    """The weights of a trained model, by variable: those that its towers have as tables among them.

    Args:
        run: a `RunParts` or a `store.Run`.
    """
    artifacts: RunArtifacts = run.artifacts
    in_towers = artifacts.in_towers
    tables = run.towers.tables if in_towers else {}
    return artifacts.weights | {name: tables[str(place)] for name, place in in_towers.items()}


def _check_catalogue(catalogue: Movies, run: RunParts) -> None:
    assert run.artifacts is not None  # every run with a catalogue has them
    if not np.array_equal(catalogue.movie_id, run.artifacts.movie_ids):
        raise ValueError("catalogue.npz is of other movies than artifacts.npz")


def _check_towers(towers: Towers, run: RunParts) -> None:
    assert run.artifacts is not None  # every run with towers has them
    if towers.history is None and run.has_item_weights:
        raise ValueError("towers.npz has no table of histories")
    if unknown := {str(one) for one in run.artifacts.in_towers.values()} - towers.tables.keys():
        raise ValueError(f"towers.npz has no {unknown}, which artifacts.npz names as weights")
    own = (towers.query.n_rows, towers.movie.n_rows, towers.movie.dim)
    needed = (len(run.artifacts.user_ids), *run.artifacts.movie_embeddings.shape)
    if own != needed:
        raise ValueError(f"towers.npz is of {own} users, movies and numbers, artifacts.npz of {needed}")


def _check_item_weights(weights: ItemWeights, run: RunParts) -> None:
    assert run.histories is not None  # every run with weights has them
    known = run.histories
    if (len(weights.values), weights.columns is None) != (known.n_weights, known.weight_starts is None):
        raise ValueError(
            f"item_weights.npz holds other than the {known.n_weights:,} weights of histories.npz"
        )


def _check_outcome(outcome: Outcome, run: RunParts) -> None:
    if not np.array_equal(np.unique(outcome.user_index), outcome.users):
        raise ValueError("outcome.npz: users are not those of the targets")
    for ranks in (outcome.at_their_time.all, outcome.at_their_time.unseen, outcome.in_one_list):
        if (ranks.better.astype(np.int64) + ranks.tied > outcome.n_movies).any():
            raise ValueError("outcome.npz: a movie is ranked below the last one")


@dataclass(frozen=True)
class Part:
    """The file of a part, and whether a run of a family has it."""

    file_name: str
    class_path: str
    """In the package; the module is imported when the part is first read, as a command reads few."""
    belongs_to: Callable[[Family], bool]
    check: Callable[[Any, Any], None] = lambda part, run: None
    """Compares it with the run's other parts, of a `RunParts` or a `store.Run`; raises a `ValueError`."""
    is_of_test: bool = False  # a deployed run has seen the test set, so it has none
    shared_file: str = ""  # of the fields that are the same for every run of the data and split
    shared_fields: frozenset[str] = frozenset()

    @property
    def files(self) -> set[str]:
        """The names of its files."""
        return {self.file_name, self.shared_file} - {""}

    def is_in(self, family: Family, *, deployed: bool) -> bool:
        """Whether a run of the family has it."""
        return self.belongs_to(family) and not (self.is_of_test and deployed)

    @property
    def kind(self) -> type:
        """The dataclass that its file holds."""
        module, _, name = self.class_path.rpartition(".")
        kind: type = getattr(importlib.import_module(f"movierec_cli.{module}"), name)
        return kind


PARTS = {
    "outcome": Part(
        "outcome.npz",
        "evaluation.outcome.Outcome",
        lambda family: family.ranks,
        _check_outcome,
        is_of_test=True,
        shared_file="test_ratings.npz",
        shared_fields=frozenset({"rows", "user_index", "movie_index", "users", "n_unseen", "n_unseen_then"}),
    ),
    "artifacts": Part("artifacts.npz", "registry.run_parts.RunArtifacts", lambda family: family.ranks),
    "catalogue": Part("catalogue.npz", "data.dataset.Movies", lambda family: family.ranks, _check_catalogue),
    "user_ratings": Part("user_ratings.npz", "registry.run_parts.UserRatings", lambda family: family.ranks),
    "towers": Part(
        "towers.npz",
        "scoring.towers.Towers",
        lambda family: family.is_trained and not family.is_sequential,
        _check_towers,
    ),
    "histories": Part(
        "histories.npz", "scoring.item_weights.Histories", lambda family: family.has_item_weights
    ),
    "item_weights": Part(
        "item_weights.npz",
        "scoring.item_weights.ItemWeights",
        lambda family: family.has_item_weights,
        _check_item_weights,
    ),
    "rating_outcome": Part(
        "ratings.npz", "evaluation.ratings.RatingOutcome", lambda family: family.rates, is_of_test=True
    ),
    "rating_head": Part(
        "rating_head.npz",
        "scoring.rating_head.RatingHead",
        lambda family: family.is_trained and family.rates,
    ),
}
"""By attribute of `RunParts` and of `store.Run`."""


def files_of(family: Family, *, deployed: bool = False) -> set[str]:
    """The names of the files that a run of this family has, no more and no fewer."""
    parts = [part for part in PARTS.values() if part.is_in(family, deployed=deployed)]
    return {name for part in parts for name in part.files}


def least_bytes(config: RunConfig, data: DataIdentity) -> int:
    """What a run takes at least on the disk, apart from `least_shared_bytes`: embeddings or weights."""
    if config.model is None:
        n_weights = data.n_movies**2 if config.family is Family.EASE else 0
        return _LEAST_WEIGHT_BYTES * n_weights
    n_floats = 2 * (data.n_users + data.n_movies) * config.model.embedding_size  # embeddings, and as weights
    n_weights = data.n_movies if config.family.has_item_weights else 0
    return 4 * n_floats + _LEAST_WEIGHT_BYTES * n_weights


def least_shared_bytes(config: RunConfig, data: DataIdentity) -> int:
    """What the first run of some data and split takes at least, and the next ones share: the ratings."""
    of_test = int(data.n_ratings * config.split.test_fraction) * _TEST_RATING_BYTES
    return of_test + (data.n_ratings * _RATING_BYTES if config.family.ranks else 0)
