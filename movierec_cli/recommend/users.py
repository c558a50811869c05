"""The users a run recommends to: users of its data, what they rated, and new users."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from movierec_cli.config import FEATURES, TIMESTAMP, Feature, Side, time_features
from movierec_cli.config.families import Scoring
from movierec_cli.config.features import recorded
from movierec_cli.data.dataset import Dataset, Id, IdIndex, Ids, Movies, id_at, known_ids
from movierec_cli.errors import MovierecError, SavedModelError
from movierec_cli.recommend.genre_evidence import PERSON_PRIOR, PERSON_WEIGHT, kinds_of
from movierec_cli.recommend.run_choice import FOR_HISTORIES, FOR_USERS
from movierec_cli.records import dataclass
from movierec_cli.registry.record import DataIdentity
from movierec_cli.registry.store import Run
from movierec_cli.scoring.item_scorer import ItemScorer, ItemSums, ProductsAndSums, unknown_share
from movierec_cli.text import shown_title

if TYPE_CHECKING:
    from movierec_cli.recommend.fold_in import Opinions

NEWEST = 10
"""On 100K, SASRec's recall@100 of the last movie was .57 with ten folded in, .43 with all of them."""

_Embedding: TypeAlias = npt.NDArray[np.float32]
_Rows: TypeAlias = npt.NDArray[np.int64]


@dataclass(frozen=True)
class User:
    """A user as a run sees them. Rows are the run's own."""

    user_id: Id | None  # None for a new user
    row: int | None  # of the run's users
    embedding: _Embedding  # [dim]; what it means is the run's `scorer`'s
    movies: _Rows  # [n], which the user knows, oldest first
    stars: npt.NDArray[np.float32]  # [n], NaN where not rated
    seconds: npt.NDArray[np.int64] | None = None  # [n], since 1970-01-01 UTC; None where unknown
    codes: npt.NDArray[np.int32] | None = None  # [1, n_contexts]; None: of their last training rating
    own_scorer: ItemScorer | None = None  # of a new user whose scores are made otherwise than others'

    def scorer_in(self, run: Run) -> ItemScorer:
        """What makes their scores."""
        return self.own_scorer or run.scorer


@dataclass(frozen=True)
class ListedMovie:
    """A movie as its catalogue describes it."""

    movie_id: Id
    title: str
    genres: tuple[str, ...]
    is_new: bool = field(default=False, kw_only=True)  # whether nobody has rated it

    @classmethod
    def at(cls, movies: Movies, row: int, **details: Any) -> Self:
        """The movie at a row of a catalogue; `details` are what a subclass adds."""
        genres = tuple(name for name, has in zip(movies.genre_names, movies.genres[row], strict=True) if has)
        return cls(id_at(movies.movie_id, row), movies.title[row], genres, **details)

    @property
    def shown_title(self) -> str:
        """As people read it; `title` is as in the data."""
        return shown_title(self.title)


@dataclass(frozen=True)
class RatedMovie(ListedMovie):
    """A movie that a user rated, or watched where the data have no ratings."""

    rating: float | None  # on the data's scale; None where the data have no ratings
    timestamp: int | None  # seconds since 1970-01-01 UTC; None where the data have no times


def user_of(run: Run, user_id: Id, as_of_s: int | None = None) -> User:
    """A user of the run's data.

    Args:
        run: of a trained model.
        user_id: the user's id in the data, or a text that means it (`typed_id`).
        as_of_s: the time of the request, seconds since 1970-01-01 UTC; later ratings are not known then.
            None: the time of their last training rating, and all their ratings are known.

    Raises:
        MovierecError: the run has no such user, recommends nothing, or does not see the time requested.
        SavedModelError: the run is damaged.
    """
    FOR_USERS.require(run.record)
    (row,) = user_rows(run, [user_id]).tolist()
    known = run.ratings_of(row)
    n_known = len(known.movie)
    if as_of_s is not None:
        n_known = int(np.searchsorted(known.seconds, as_of_s, side="left"))
    movies, seconds = known.movie[:n_known].astype(np.int64), known.seconds[:n_known]
    if as_of_s is None:
        embedding, codes = run.scorer.users(np.array([row]))[0], None
    else:
        embedding, codes = _as_of(run, row, movies, seconds, as_of_s)
    return User(
        id_at(run.artifacts.user_ids, row), row, embedding, movies, known.stars[:n_known], seconds, codes
    )


def user_after(
    run: Run,
    watched: Sequence[int],
    known: _Rows | None = None,
    stars: npt.NDArray[np.float32] | None = None,
    *,
    seconds: Sequence[int] | None = None,
    as_of_s: int | None = None,
) -> User:
    """A new user by the movies they watched, whose history a sequential model continues.

    Args:
        run: of a trained model.
        watched: rows of the run's movies, oldest first, one or more, none twice.
        known: rows of all movies the user knows, [n]; None: those they watched.
        stars: their ratings of these, [n]; None where not rated.
        seconds: when each was watched, since 1970-01-01 UTC, ascending; None: all at once.
        as_of_s: when the next is asked for, with `seconds`; None: right after the last.

    Raises:
        MovierecError: the run's model is not sequential.
        SavedModelError: the run is damaged.
    """
    FOR_HISTORIES.require(run.record)
    history = np.array(watched, np.int64)
    movies = history if known is None else known
    no_stars = np.full(len(movies), np.nan, np.float32)
    times = None if seconds is None else np.array(seconds, np.int64)
    state = _state(run, history, times, as_of_s)
    return User(None, None, state, movies, no_stars if stars is None else stars)


def new_user(
    run: Run, opinions: Opinions, known: _Rows | None = None, stars: npt.NDArray[np.float32] | None = None
) -> User:
    """A new user by the movies they like and dislike, without training.

    A sequential model knows its users by their last movies, so of the liked ones the last `NEWEST` count.

    Args:
        run: of a trained model.
        opinions: rows of the run's movies, oldest first where that is known.
        known: rows of all movies the user knows, [n]; None: those they have opinions of.
        stars: their ratings of these, [n]; None where not rated.

    Raises:
        MovierecError: the run recommends nothing.
        SavedModelError: the run is damaged.
    """
    FOR_USERS.require(run.record)
    newest = replace(opinions, liked=opinions.liked[-NEWEST:], seen=opinions.seen[-NEWEST:])
    folded = newest if run.record.config.family.is_sequential else opinions
    movies = np.concatenate([opinions.positives, opinions.disliked]) if known is None else known
    return User(
        user_id=None,
        row=None,
        embedding=_folded_in(run, folded),
        movies=movies,
        stars=np.full(len(movies), np.nan, np.float32) if stars is None else stars,
        own_scorer=_own_scorer(run, folded),
    )


def _own_scorer(run: Run, opinions: Opinions) -> ItemScorer | None:
    named, scorer = np.concatenate([opinions.positives, opinions.disliked]), run.scorer
    if isinstance(scorer, ProductsAndSums):
        weight = PERSON_WEIGHT * unknown_share(len(named))
        of_kinds = weight * kinds_of(run).evidence(opinions.positives, PERSON_PRIOR)
        sums = scorer.sums.of_new_user(named)
        return replace(scorer, sums=sums, of_kinds=of_kinds.astype(np.float32))
    if not (isinstance(scorer, ItemSums) and scorer.is_regression):
        return None
    return scorer.of_new_user(named)


def _folded_in(run: Run, opinions: Opinions) -> _Embedding:
    from movierec_cli.recommend.fold_in import fold_in, fold_in_factors

    artifacts, scoring = run.artifacts, run.record.config.family.spec.scoring
    if scoring is Scoring.EMBEDDINGS:
        return fold_in(artifacts.movie_embeddings, artifacts.user_embeddings, opinions)
    if scoring is Scoring.FACTORS:
        settings = run.record.settings
        try:
            own = {name: settings[name] for name in ("regularization", "alpha")}
            return fold_in_factors(artifacts.movie_embeddings, opinions, **own)
        except (KeyError, ValueError) as error:
            raise SavedModelError(f"{run.folder}: run.json is damaged: its settings lack {error}") from error
    width = len(artifacts.movie_ids) if scoring is not Scoring.POPULARITY else 0
    counts = np.zeros(width, np.float32)
    if width:
        counts[opinions.positives], counts[opinions.disliked] = opinions.weights, -1
    if scoring is Scoring.EMBEDDINGS_AND_WEIGHTS:
        return np.concatenate([run.towers.of_histories(counts[None])[0], counts])
    return counts


def user_rows(run: Run, user_ids: Iterable[Id]) -> npt.NDArray[np.int64]:
    """Rows of the run's users, one per id, or per text that means one (`typed_id`).

    Raises:
        MovierecError: the run has no such user; names the ids that it has.
    """
    index = IdIndex(run.artifacts.user_ids)
    rows = []
    for user_id in user_ids:
        row = index.row_of(user_id)
        if row is None:
            raise MovierecError(no_user_of(run, user_id))
        rows.append(row)
    return np.array(rows, np.int64)


def no_user_of(run: Run, user_id: Id) -> str:
    """Says that a run knows no such user, and which it knows."""
    record = run.record
    who = f"the users that {record.name} knows"
    return no_user(user_id, record.data.name, run.artifacts.user_ids, record.config.split.k_core, who)


def no_user(user_id: Id, data_name: str, ids: Ids, k_core: int = 0, who: str = "its users") -> str:
    """Says that there is no such user among those of these ids, from which `k_core` left some out."""
    left_out = f", without those of fewer than {k_core} ratings (--k_core)" if k_core else ""
    return f"there is no user {str(user_id)[:40]} in '{data_name}'; {who} have the {known_ids(ids)}{left_out}"


def _as_of(
    run: Run, row: int, movies: _Rows, seconds: npt.NDArray[np.int64], as_of_s: int
) -> tuple[_Embedding, npt.NDArray[np.int32] | None]:
    """The user's embedding at a time, and the codes of their context."""
    config, data = run.record.config, run.record.data
    if not data.has_times:
        raise MovierecError(
            f"--as_of needs times, and '{data.name}', which {run.record.name} was trained on, has none; leave"
            " it out"
        )
    if config.family.is_sequential:
        if len(movies) == 0:
            raise MovierecError("the user rated nothing before that time, so there is no history to continue")
        return _state(run, movies, seconds, as_of_s), None
    if not config.feature_set.of_time:
        times = time_features()
        raise MovierecError(
            f"{run.record.name} does not see the time, so --as_of changes nothing; it needs a sequential"
            f" model, or one with {', '.join(times[:-1])} or {times[-1]}: movierec train"
            f" --additional_feature_sets {TIMESTAMP}"
        )
    codes = _context_codes(run, row, as_of_s)
    embedding = run.towers.query.embed(np.array([row]), codes)[0]
    if isinstance(run.scorer, ProductsAndSums):
        embedding = np.concatenate([embedding, run.scorer.sums.users(np.array([row]))[0]])
    return embedding, codes


def _context_codes(run: Run, row: int, as_of_s: int) -> npt.NDArray[np.int32]:
    """Of one user at a time, [1, n_contexts]; what the contexts were fitted to is checked by using it."""
    from movierec_cli.models.feature_encodings import context_codes

    contexts = run.towers.query.contexts
    sizes, last = [len(one.table) for one in contexts], run.towers.codes[[row]]

    def own(name: str, vocabulary: Any) -> npt.NDArray[np.int32]:
        """Of a column of ratings: nobody can tell its value at another time."""
        return last[:, [one.name for one in contexts].index(name)]

    try:
        codes = context_codes(context_vocabularies(run), np.array([row], np.int32), np.array([as_of_s]), own)
        if codes.shape != (1, len(sizes)) or not ((codes >= 0) & (codes < sizes)).all():
            raise ValueError(f"a context has code {codes.tolist()}, and the tables {sizes} rows")
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        raise SavedModelError(
            f"{run.folder}: artifacts.npz is damaged: its vocabularies are not of the contexts in towers.npz"
            f" ({error})"
        ) from error
    return codes


def context_vocabularies(run: Run) -> dict[Feature, Any]:
    """What the context features were fitted to, in the order of the query tower's inputs.

    Raises:
        SavedModelError: it is no numbers, by name; of a column of ratings, not of one.
    """
    contexts = [one.name for one in run.towers.query.contexts]
    vocabularies: dict[str, Any] = run.artifacts.vocabularies
    of_time = {str(feature): feature for feature in run.record.config.feature_set.of_time}
    for name in contexts:
        vocabulary = vocabularies.get(name)
        if name in of_time and of_time[name].origin is not None:
            continue  # what is in it is known to its package alone
        numbers = vocabulary.values() if isinstance(vocabulary, dict) else ["none"]
        flat = [one for value in numbers for one in (value if isinstance(value, list) else [value])]
        is_own = name not in FEATURES and vocabulary == (vocabulary or {}) | {"side": Side.CONTEXT.value}
        if not is_own and (name not in FEATURES or not all(type(one) in (int, float) for one in flat)):
            raise SavedModelError(
                f"{run.folder}: artifacts.npz is damaged: what {name} of towers.npz was fitted to is not"
                " numbers"
            )
    return {of_time.get(name) or recorded(name): vocabularies[name] for name in contexts}


def _state(
    run: Run, movies: _Rows, seconds: npt.NDArray[np.int64] | None = None, as_of_s: int | None = None
) -> _Embedding:
    """Of a sequential model."""
    from movierec_cli.recommend.sequence_states import state_after

    return state_after(run, movies, seconds, as_of_s)


def rated_by(dataset: Dataset, user_id: Id) -> tuple[RatedMovie, ...]:
    """What a user rated: best first, and the newest first among equals.

    Raises:
        MovierecError: the data set has no such user; names the ids that it has.
    """
    ratings = dataset.ratings
    rows = np.flatnonzero(ratings.user_index == _row_in(dataset, user_id))
    columns = ratings.movie_index[rows], ratings.rating[rows], ratings.timestamp[rows]
    return _best_first(dataset.movies, *columns, DataIdentity.of(dataset))


def known_user(dataset: Dataset, typed: Id) -> Id:
    """The id of a data set's user, as it was typed (`typed_id`). Raises as `rated_by`."""
    return id_at(dataset.users.user_id, _row_in(dataset, typed))


def _row_in(dataset: Dataset, user_id: Id) -> int:
    users = dataset.users.user_id
    row = IdIndex(users).row_of(user_id)
    if row is None:
        raise MovierecError(no_user(user_id, dataset.name, users))
    return row


def rated_in(run: Run, user: User) -> tuple[RatedMovie, ...]:
    """The same of a run's user, of the movies that the run knows."""
    assert user.seconds is not None  # only for a new user the times are unknown
    return _best_first(run.catalogue, user.movies, user.stars, user.seconds, run.record.data)


def _best_first(
    movies: Movies,
    rows: npt.NDArray[Any],
    stars: npt.NDArray[np.float32],
    seconds: npt.NDArray[np.int64],
    data: DataIdentity,
) -> tuple[RatedMovie, ...]:
    return tuple(
        RatedMovie.at(
            movies,
            rows[place],
            rating=None if data.scale is None else float(stars[place]),
            timestamp=int(seconds[place]) if data.has_times else None,
        )
        for place in np.lexsort((-seconds, -stars))
    )
