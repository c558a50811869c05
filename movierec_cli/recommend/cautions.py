"""What to be careful with in an answer: movies that a model hardly knows, and times beyond its data."""

from collections.abc import Iterable
from datetime import UTC, datetime

from movierec_cli.config import FEATURES
from movierec_cli.records import dataclass
from movierec_cli.registry.store import Run
from movierec_cli.text import counted, listed

FEW_RATINGS = 10
"""With fewer, what a model knows of a movie is mostly chance."""

_NAMED = 3
_DAY_OF_WEEK = FEATURES["day_of_week"]


@dataclass(frozen=True)
class Leaning:
    """How an answer depends on some movies, in words."""

    role: str
    consequence: str
    by_content: str = ""  # of what nobody has rated, by a model that tells it from its content; "": nothing


ASKED = Leaning(
    "asked about", "what is near it is mostly chance", "what is near it is told by its content alone"
)
LISTED = Leaning("in the list", "such a place is mostly chance")  # what is new is marked there
NAMED = Leaning(
    "named by the user", "the model learns little from that", "what that says is told by its content alone"
)
PREDICTED = Leaning("asked about", "the prediction is uncertain", "the prediction is by its content alone")


def hardly_known(run: Run, rows: Iterable[int], leaning: Leaning) -> tuple[str, ...]:
    """A sentence on those of some movies, rows of the run's, that have few ratings; none where none has.

    Raises:
        SavedModelError: the run is damaged.
    """
    distinct = list(dict.fromkeys(rows))
    told = [row for row in distinct if run.popularity[row] == 0 and run.tells_new_movies]
    few = [row for row in distinct if run.popularity[row] < FEW_RATINGS and row not in told]
    new = _told_by_content(run, told, leaning)
    return (*new, _of_few(run, few, leaning)) if few else new


def _told_by_content(run: Run, rows: list[int], leaning: Leaning) -> tuple[str, ...]:
    if not rows or not leaning.by_content:
        return ()
    titles = listed(f"'{run.catalogue.shown_title(row)}'" for row in rows[:_NAMED])
    return (f"nobody has rated {titles}; {leaning.by_content}",)


def _of_few(run: Run, few: list[int], leaning: Leaning) -> str:
    data = run.record.data
    named = [f"'{run.catalogue.shown_title(row)}' ({_n_ratings(run, row)})" for row in few[:_NAMED]]
    others = [counted(len(few) - _NAMED, "other")] if len(few) > _NAMED else []
    have = counted(len(few), f"{data.noun} {leaning.role} has", f"{data.noun}s {leaning.role} have")
    return (
        f"{have} fewer than {counted(FEW_RATINGS, data.interactions)} in the model's data, so"
        f" {leaning.consequence}: {listed([*named, *others])}"
    )


def _n_ratings(run: Run, row: int) -> str:
    n, noun = int(run.popularity[row]), run.record.data.interactions
    return counted(n, noun) if n else f"no {noun}s"


def beyond_data(run: Run, as_of_s: int, typed: str) -> tuple[str, ...]:
    """A sentence on a request before the first or after the last rating of a run's data; else none.

    Args:
        run: that sees the time.
        as_of_s: of the request, seconds since 1970-01-01 UTC.
        typed: what was typed for it, such as "--as_of 2001-05-01".

    Raises:
        SavedModelError: the run is damaged.
    """
    seconds = run.user_ratings.seconds
    if len(seconds) == 0 or seconds.min() <= as_of_s <= seconds.max():
        return ()
    is_after = as_of_s > seconds.max()
    where = "after the last" if is_after else "before the first"
    limit = int(seconds.max() if is_after else seconds.min())
    return (
        f"{typed} is {where} {run.record.data.interactions} of the data"
        f" ({datetime.fromtimestamp(limit, UTC).date()}): {_answer(run, is_after=is_after)}",
    )


def _answer(run: Run, *, is_after: bool) -> str:
    """What the model does with such a time, see `feature_encodings` for how it is encoded."""
    config = run.record.config
    if config.family.is_sequential:
        return "the model continues all that the user is known to have watched"
    seen = config.feature_set.of_time
    bounded = [one.replace("_", " ") for one in map(str, seen) if one != _DAY_OF_WEEK]
    extreme = "last" if is_after else "first"
    taken = f"the model takes it as the {extreme} {listed(bounded)} of its training" if bounded else ""
    day = "the model sees its day of the week" if _DAY_OF_WEEK in seen else ""
    unseen = "" if is_after else f"no {run.record.data.noun} counts as seen"
    return listed(filter(None, (taken, day, unseen)))
