"""Options that have no effect beside others: refused, as whoever gives one expects an effect."""

from collections.abc import Callable, Iterable
from typing import Any

from movierec_cli.config.setting import settings_of
from movierec_cli.config.settings import GIVEN_SPLITS, Reading, SplitKind
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass


@dataclass(frozen=True)
class Idle:
    """Options that have no effect in a case, which is known from the values of all options."""

    options: tuple[str, ...]
    is_case: Callable[[Any], object]  # true or false
    why: str  # and what to do


def idle_fractions(kind: Callable[[Any], SplitKind | None], folds: Callable[[Any], int]) -> tuple[Idle, ...]:
    """Which fractions have no effect on which split, by what finds the kind and the number of folds."""
    return (
        Idle(
            ("test_fraction", "validation_fraction"),
            lambda values: kind(values) is SplitKind.LEAVE_LAST,
            "--split leave-last holds out each user's last ratings, whatever their fraction",
        ),
        Idle(
            ("test_fraction",),
            lambda values: kind(values) in GIVEN_SPLITS,
            "the data say what the test part is; leave it out, or use --split random",
        ),
        Idle(("test_fraction",), folds, "with --folds N each test part is one N-th of the ratings"),
    )


_OF_FILES = tuple(name for name in settings_of(Reading) if name != "item_vectors")

_FOR_MANY = "it is for the lists of many users; add --users"

IDLE_OPTIONS = (
    Idle(
        ("max_failures", "coordinator", "process_id"),
        lambda values: values.get("processes") == 1,
        "each model is trained in one process; add --processes N",
    ),
    Idle(
        ("jobs", "cluster"),
        lambda values: (values.get("processes") or 1) > 1,
        "--processes trains one model at a time, in processes of its own; give one of them, and for"
        " several machines --coordinator HOST:PORT",
    ),
    Idle(
        ("dataset",),
        lambda values: values.get("archive") is not None,
        "--archive is the data set; give one of them",
    ),
    *idle_fractions(lambda values: values.get("split"), lambda values: values.get("folds") or 0),
    Idle(
        ("include_seen", "rank_by"),
        lambda values: values.get("generate_recommendations_for_user", 0) is None,
        "nothing is recommended; add --generate_recommendations_for_user ID",
    ),
    Idle(
        ("csv_safe",),
        lambda values: values["csv"] is None and (values.get("users") is None or values["as_json"]),
        "no CSV is written; add --csv FILE",
    ),
    Idle(("url",), lambda values: len(values["names"]) > 1, "it is of one data set, and several are named"),
    Idle(
        ("why", "all_models"),
        lambda values: values["csv"] is not None,
        "it cannot be written as CSV; omit one of them, or use --json",
    ),
    Idle(
        ("why", "all_models", "diversity", "rank_by"),
        lambda values: values.get("users") is not None,
        "it is for one user; omit --users",
    ),
    Idle(("parts",), lambda values: "parts" in values and values.get("users") is None, _FOR_MANY),
    Idle(
        ("shard", "jobs", "cluster"),
        lambda values: "parts" in values and values["parts"] is None,
        "it is for lists in parts; add --parts FOLDER, and --users",
    ),
    Idle(
        ("jobs", "cluster"),
        lambda values: values.get("shard") is not None,
        "--shard is one part, which this process makes; give one of them",
    ),
    Idle(
        ("csv", "csv_safe"),
        lambda values: values.get("parts") is not None,
        "--parts are Parquet files; give one of them",
    ),
    Idle(("model",), lambda values: values.get("all_models"), "--all_models are all; give one of them"),
    Idle(
        ("why", "all_models", "rank_by"),
        lambda values: values.get("together"),
        "it is for one user; omit --together",
    ),
    Idle(
        ("fairness",), lambda values: not values.get("together"), "it is for several people; add --together"
    ),
    Idle(("as_of",), lambda values: not values["user"], "times are known of the ratings of --user only"),
    Idle(
        ("user", "movie", "ratings_file"),
        lambda values: values.get("pairs") is not None,
        "--pairs FILE names users and movies; give one of them",
    ),
    Idle(
        ("index",),
        lambda values: values["format"] != "savedmodel",
        "it is for --format savedmodel; leave it out",
    ),
    Idle(
        _OF_FILES,
        lambda values: values.get("dataset") == "sample" and values.get("archive") is None,
        "the sample is no file; give it beside --archive PATH",
    ),
    Idle(
        ("imdb_titles",),
        lambda values: values.get("dataset") == "sample",
        "the sample has lengths of its own; --movie_lengths corrects them",
    ),
)
"""Of every command that has these options, by the parameters' names and values."""


def refuse_idle(given: Iterable[str], values: Any, rules: Iterable[Idle]) -> None:
    """Refuses an option that is given and has no effect.

    Args:
        given: names of options on the command line.
        values: what the rules ask for, such as the values of all parameters.
        rules: which options have no effect when.

    Raises:
        UsageError: names the option, and says why and what to do.
    """
    named = set(given)
    for rule in rules:
        idle = [option for option in rule.options if option in named]
        if idle and rule.is_case(values):
            raise UsageError(f"--{idle[0]} has no effect here: {rule.why}")
