"""What can be wrong with the data and its split, whatever is trained on them: one table of checks.

Each is a few passes over the columns, so that all of them can run with every training.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from movierec_cli.config import GIVEN_SPLITS, FeatureSet, SplitConfig, SplitKind
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.duplicates import duplicates_of
from movierec_cli.data.ragged import ordered_by_user
from movierec_cli.data.split import LEAVE_LAST_FROM, Split
from movierec_cli.leakage.finding import Checked, Finding, Severity, leaks_first, share
from movierec_cli.leakage.twins import MIN_TWIN_RATINGS, Twins, find_twins
from movierec_cli.records import dataclass
from movierec_cli.text import counted, listed, shown_title, with_article

FEW_TEST_USERS = 100

_BEFORE_ALL_TIME = np.iinfo(np.int64).min


def check_data(
    dataset: Dataset, split: Split, config: SplitConfig, feature_sets: Sequence[FeatureSet]
) -> tuple[Finding, ...]:
    """What is wrong with a split of a data set, for models of some feature sets; leaks first.

    "Training" ratings are those of train and validation: what the model that is tested may have seen.

    Args:
        dataset: as it was split, so without the ratings that do not count.
        split: rows of its ratings.
        config: how the split was made.
        feature_sets: what will be trained on it.
    """
    checked = run_data_checks(dataset, split, config, feature_sets)
    return leaks_first(checked)


def run_data_checks(
    dataset: Dataset, split: Split, config: SplitConfig, feature_sets: Sequence[FeatureSet]
) -> tuple[Checked, ...]:
    """The same as `check_data`, with what is clean: one entry a check that concerns such data and split."""
    case = _Case(dataset, split, config, tuple(feature_sets))
    return tuple(
        Checked(
            check.names,
            check.clean.format(noun=case.noun),
            tuple(_of_fold(one, config) for one in check.find(case)),
        )
        for check in DATA_CHECKS
        if config.kind in check.kinds and (dataset.ratings.has_times or not check.needs_times)
    )


def _of_fold(finding: Finding, config: SplitConfig) -> Finding:
    """In a cross-validation, what is said of the test part is of one fold."""
    if not config.folds or "test" not in finding.sentence:
        return finding
    return replace(finding, sentence=f"Fold {config.fold + 1}: {finding.sentence}")


@dataclass(frozen=True)
class _Case:
    """What is checked."""

    dataset: Dataset
    split: Split
    config: SplitConfig
    feature_sets: tuple[FeatureSet, ...]

    @cached_property
    def trained(self) -> npt.NDArray[np.int64]:
        """The rows of train and of validation, one after the other: [n_trained]."""
        return np.concatenate([self.split.train, self.split.validation])

    @cached_property
    def test_users(self) -> npt.NDArray[np.int32]:
        """The user of each test rating: [n_test]."""
        return self.dataset.ratings.user_index[self.split.test]

    @cached_property
    def newest_trained(self) -> npt.NDArray[np.int64]:
        """The time of each test rating's user's newest training rating, seconds: [n_test]."""
        return _newest(self, self.trained)[self.test_users]

    @property
    def noun(self) -> str:
        """What the items are called."""
        return self.dataset.noun

    @property
    def is_cold(self) -> npt.NDArray[np.bool_]:
        """Whether the user of each test rating has no training rating: [n_test]."""
        is_cold: npt.NDArray[np.bool_] = self.newest_trained == _BEFORE_ALL_TIME
        return is_cold


_Find = Callable[[_Case], Iterator[Finding]]


def _newest(case: _Case, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Each user's newest time among `rows`: [n_users], seconds; before all time where there is none."""
    newest = np.full(len(case.dataset.users), _BEFORE_ALL_TIME)
    ratings = case.dataset.ratings
    np.maximum.at(newest, ratings.user_index[rows], ratings.timestamp[rows])
    return newest


@dataclass(frozen=True)
class _DataCheck:
    """One entry of the table."""

    names: tuple[str, ...]
    clean: str
    kinds: tuple[SplitKind, ...]
    needs_times: bool
    find: _Find


DATA_CHECKS: list[_DataCheck] = []


def _check(
    *names: str, clean: str, kinds: Sequence[SplitKind] = tuple(SplitKind), needs_times: bool = False
) -> Callable[[_Find], _Find]:
    """Puts a check into the table.

    Args:
        names: of the findings it can give.
        clean: a sentence that holds where it finds nothing; "{noun}" is what an item is called.
        kinds: of splits that it concerns.
        needs_times: whether it says nothing of data without times.
    """

    def put(find: _Find) -> _Find:
        DATA_CHECKS.append(_DataCheck(names, clean, tuple(kinds), needs_times, find))
        return find

    return put


@_check("equal-times", clean="The ratings have different times.")
def _equal_times(case: _Case) -> Iterator[Finding]:
    ratings = case.dataset.ratings
    if not ratings.has_times:
        sentence = (
            f"{ratings.why_no_times.capitalize()}, so nothing is known of their order: no feature, split or"
            " model can use it."
        )
        yield Finding("equal-times", Severity.CAUTION, sentence, "")


@_check(
    "time-travel",
    "random-split",
    clean="No test rating is older than its user's newest training rating.",
    needs_times=True,
)
def _learning_from_the_future(case: _Case) -> Iterator[Finding]:
    n_older = int((case.dataset.ratings.timestamp[case.split.test] < case.newest_trained).sum())
    if n_older == 0:
        return
    remedy = f"--split {SplitKind.TEMPORAL}"
    what = (
        f"{share(n_older, len(case.split.test), 'test rating')} are older than their user's newest training"
    )
    seeing = FeatureSet.union(case.feature_sets).of_time
    if seeing:
        sentence = (
            f"{what} rating, and {listed(seeing)} see{'s' * (len(seeing) == 1)} the time of each: the model"
            " learns from ratings given after those it is tested on."
        )
        yield Finding("time-travel", Severity.LEAK, sentence, remedy)
    else:
        sentence = f"{what} rating: in use, nobody has a user's later ratings to learn from."
        yield Finding("random-split", Severity.CAUTION, sentence, remedy)


@_check("test-in-train", clean="No pair of a user and {noun} is in test and in training as well.")
def _tested_on_training_pairs(case: _Case) -> Iterator[Finding]:
    ratings = case.dataset.ratings
    pair = ratings.user_index.astype(np.int64) * len(case.dataset.movies) + ratings.movie_index  # [n_ratings]
    n_pairs = _count_common(pair[case.split.test], pair[case.trained])
    if n_pairs:
        sentence = (
            f"{counted(n_pairs, 'pair')} of a user and {with_article(case.noun)}"
            f" {'is' if n_pairs == 1 else 'are'} in test and in training as well: the {case.noun} was rated"
            " twice, and the model has seen the answer."
        )
        remedy = f"keep one rating of each user and {case.noun} in the ratings file, such as the last"
        yield Finding("test-in-train", Severity.LEAK, sentence, remedy)


def _count_common(some: npt.NDArray[np.int64], many: npt.NDArray[np.int64]) -> int:
    """How many different values are in both."""
    # Sorting and bisection take a small part of the time of NumPy's set operations.
    some, many = np.sort(some), np.sort(many)
    place = np.minimum(np.searchsorted(many, some), len(many) - 1)
    return len(np.unique(some[many[place] == some]))


@_check("users-collide", clean="No user id stands twice.")
def _colliding_users(case: _Case) -> Iterator[Finding]:
    ids, n_rows = np.unique(case.dataset.users.user_id, return_counts=True)
    repeated = ids[n_rows > 1]
    if len(repeated):
        sentence = (
            f"{counted(len(repeated), 'user id')} {'stands' if len(repeated) == 1 else 'stand'} in more than"
            f" one row of the users, such as {repeated[0]}: one person is trained and tested as several."
        )
        yield Finding("users-collide", Severity.CAUTION, sentence, "give each person one row and one user id")


@_check(
    "users-collide",
    clean=f"No two users with {MIN_TWIN_RATINGS} ratings or more have the same history.",
    needs_times=True,  # without, equal lists of few movies may be chance
)
def _twin_users(case: _Case) -> Iterator[Finding]:
    twins = find_twins(case.dataset)
    if twins is not None:
        yield _twins_finding(case, twins)


def _twins_finding(case: _Case, twins: Twins) -> Finding:
    n_copied = twins.n_copied(case.dataset, case.split)
    first, second = (case.dataset.users.user_id[user] for user in twins.example)
    sentence = (
        f"{counted(twins.n_users, 'user')} rated the same {case.noun}s at the same seconds as another,"
        f" {first} and {second} for one"
    )
    if n_copied:
        copies = f"{counted(n_copied, 'test rating')} of theirs {'is' if n_copied == 1 else 'are'}"
        sentence += f": {copies} in the other's training part."
    else:
        sentence += ": one person counts several times, though no test rating is in another's training part."
    severity = Severity.LEAK if n_copied else Severity.CAUTION
    return Finding(
        "users-collide", severity, sentence, "keep one of each group of such users in the ratings file"
    )


@_check("titles-collide", clean="No two {noun}s share a title.")
def _colliding_titles(case: _Case) -> Iterator[Finding]:
    times = Counter(case.dataset.movies.title.tolist())
    shared = [title for title, n in times.items() if n > 1]
    if shared:
        movies = case.dataset.movies
        ids = " and ".join(map(str, movies.movie_id[movies.title == shared[0]]))
        sharing = counted(sum(map(times.__getitem__, shared)), case.noun)
        title = shown_title(shared[0])
        sentence = (
            f"{sharing} share {counted(len(shared), 'title')}, such as '{title}' (ids {ids}). Here"
            f" {with_article(case.noun)} is its id, so nothing is mixed up; what joins by title elsewhere"
            " would mix them."
        )
        can_merge = len(duplicates_of(movies).groups) > 0
        remedy = "--merge_duplicates" if can_merge else ""
        yield Finding("titles-collide", Severity.CAUTION, sentence, remedy)


@_check(
    "order-by-luck",
    clean="No test user's last two ratings have the same second.",
    kinds=[SplitKind.LEAVE_LAST],
)
def _order_by_luck(case: _Case) -> Iterator[Finding]:
    ratings = case.dataset.ratings
    newest = _newest(case, np.arange(len(ratings)))
    at_newest = ratings.user_index[ratings.timestamp == newest[ratings.user_index]]
    is_tied = (np.bincount(at_newest, minlength=len(case.dataset.users)) > 1)[case.test_users]  # [n_test]
    n_tied = int(is_tied.sum())
    if n_tied:
        sentence = (
            f"The last rating of {share(n_tied, len(is_tied), 'test user')} has the same second as the one"
            " before: the file's order is the tie-break, and decides what they are tested on."
        )
        yield Finding("order-by-luck", Severity.CAUTION, sentence, f"--split {SplitKind.TEMPORAL}")


@_check(
    "windows-overlap",
    clean="No test rating is in the history before a training rating.",
    kinds=[SplitKind.WINDOWS],
)
def _overlapping_windows(case: _Case) -> Iterator[Finding]:
    """A rating that is tested on stands in the history that a later training rating is learned from."""
    ratings = case.dataset.ratings
    rows, _ = ordered_by_user(ratings, np.arange(len(ratings)))
    place = np.empty(len(rows), np.int64)
    place[rows] = np.arange(len(rows))
    last_trained = np.full(len(case.dataset.users), -1)
    np.maximum.at(last_trained, ratings.user_index[case.trained], place[case.trained])
    n_read = int((place[case.split.test] < last_trained[case.test_users]).sum())
    if n_read:
        sentence = (
            f"{share(n_read, len(case.split.test), 'test rating')} {'is' if n_read == 1 else 'are'} in the"
            " history before a training rating of the same user: a model of sequences reads what it is tested"
            " on while it learns, and what was watched afterwards."
        )
        yield Finding("windows-overlap", Severity.LEAK, sentence, f"--split {SplitKind.LEAVE_LAST}")


@_check("few-test-users", clean=f"{FEW_TEST_USERS} users with training ratings, or more, have test ratings.")
def _few_test_users(case: _Case) -> Iterator[Finding]:
    n_warm = len(np.unique(case.test_users[~case.is_cold]))
    if n_warm < FEW_TEST_USERS:
        sentence = (
            f"{counted(n_warm, 'user')} with training ratings can be tested on, fewer than {FEW_TEST_USERS}:"
            " the figures' intervals are wide."
        )
        yield Finding("few-test-users", Severity.CAUTION, sentence, _way_to_more_test_users(case))


def _way_to_more_test_users(case: _Case) -> str:
    """What these data allow: nobody has others."""
    if case.config.kind in (SplitKind.LEAVE_LAST, *GIVEN_SPLITS):
        return "--seeds 3"  # everybody who can be, or is to be, is tested
    ratings = case.dataset.ratings
    could_be_tested = int((np.bincount(ratings.user_index) >= LEAVE_LAST_FROM).sum())
    ways = [f"--split {SplitKind.LEAVE_LAST}"] if ratings.has_times and could_be_tested else []
    larger = min(2 * case.config.test_fraction, 0.5)
    ways += [f"--test_fraction {larger:g}"] if larger > case.config.test_fraction else []
    return listed([*ways, "--seeds 3"], "or")


@_check(
    "cold-users",
    clean="Every test rating's user has training ratings.",
    kinds=[SplitKind.TEMPORAL, *GIVEN_SPLITS],
)
def _cold_users(case: _Case) -> Iterator[Finding]:
    is_cold = case.is_cold
    if is_cold.any():
        n_users = len(np.unique(case.test_users[is_cold]))
        sentence = (
            f"{share(int(is_cold.sum()), len(is_cold), 'test rating')} are of {counted(n_users, 'user')}"
            " without a training rating: they are reported apart, and the figures are about the others."
        )
        yield Finding("cold-users", Severity.CAUTION, sentence, f"--split {SplitKind.LEAVE_LAST}")
