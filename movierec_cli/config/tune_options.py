"""Options of a search for settings: its own, and those of a training that stay the same for all trials."""

# `setting` is `dataclasses.field`, which ruff cannot see.
import enum
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from movierec_cli.config.families import TRAINABLE, Family
from movierec_cli.config.setting import Check, check_settings, setting
from movierec_cli.config.settings import DataConfig, SequenceConfig, SplitConfig, TowerConfig, TrainingConfig
from movierec_cli.config.shown_defaults import default_shown, own_default
from movierec_cli.config.train_options import (
    OPTIONS,
    OUTPUT_PANEL,
    Judging,
    ModelChoice,
    Option,
    Workers,
    options_of_all,
)
from movierec_cli.config.trainer_config import TrainerConfig
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass

DEFAULT_TRIALS = 40
MOST_TRIALS = 1_000
_UNITS_S = {"h": 3600, "m": 60, "s": 1}
_TIMEOUT = re.compile(r"(?:(\d{1,5}(?:\.\d+)?)h)?(?:(\d{1,5}(?:\.\d+)?)m)?(?:(\d{1,6}(?:\.\d+)?)s)?")

_search = partial(setting, panel="Search")


class Direction(enum.StrEnum):
    """How sets of features are searched."""

    FORWARD = "forward"
    """From the ids alone, always adding the feature that helps most."""
    BACKWARD = "backward"
    """From all features, always taking away the one that is missed least."""


def _is_timeout(text: str) -> bool:
    return bool(text) and _TIMEOUT.fullmatch(text) is not None and seconds_of(text) > 0


def seconds_of(timeout: str) -> float:
    """The seconds of a time such as "1h30m", "90m" or "45s"."""
    found = _TIMEOUT.fullmatch(timeout)
    assert found is not None  # the setting's check
    return sum(float(n or 0) * unit for n, unit in zip(found.groups(), _UNITS_S.values(), strict=True))


@dataclass(frozen=True, kw_only=True)
class TuneOptions:
    """How a search goes, and where its result goes."""

    families: tuple[Family, ...] = _search(
        (Family.TWO_TOWER,), f"The kinds of model to search: {', '.join(TRAINABLE)}.", "NAME..."
    )
    space: tuple[str, ...] = _search(
        (),
        "What to search, such as dropout=0..0.5 l2=1..20:log: options of train for the model and its"
        " training, each with a range (:log where orders of magnitude count alike) or with choices;"
        " layer_sizes=64,128+64 for several numbers. It replaces the family's own values for the option; an"
        " option without values is searched among those.",
        "OPTION=VALUES...",
        default_shown="the family's own",
    )
    trials: int | None = _search(
        None,
        "The number of trials of each family.",
        check=Check(f"1 to {MOST_TRIALS:,}", lambda value: 1 <= value <= MOST_TRIALS),
        default_shown=f"{DEFAULT_TRIALS}, or what fits in --timeout",
    )
    timeout: str | None = _search(
        None,
        "Begin no trial of a family after it was searched for so long, such as 1h, 90m or 30s. Each family"
        " gets the same time; what an interrupted search took counts.",
        "TIME",
        Check("a time such as 1h, 90m or 1h30m", _is_timeout),
    )
    finalists: int = _search(
        3,
        "The best N trials, and the settings that the search begins with, are trained with several seeds;"
        " the best mean on validation wins.",
        check=Check("1 to 20", lambda value: 1 <= value <= 20),
    )
    seeds: int = _search(
        3,
        "The seeds of each finalist, and of the winner and the first settings where these are tested.",
        check=Check("1 to 20", lambda value: 1 <= value <= 20),
    )
    pruning: bool = _search(
        True, "Stop a trial early where its validation is below the median of those before it."
    )
    select_features: Direction | None = _search(
        None,
        "Search sets of features instead of settings: forward from the ids alone, backward from all that the"
        " data have, or those that are named; the number of trials then has no default but the search's end.",
        "DIRECTION",
    )
    output: Path = setting(
        Path("tuning.html"), "Write the page there.", "FILE", panel=OUTPUT_PANEL, also=("-o",)
    )
    open_page: bool = setting(False, "Open the page in the browser.", option="open", panel=OUTPUT_PANEL)
    write_config: Path | None = setting(
        None, "Write the winner's options as a file for train --config.", "FILE", panel=OUTPUT_PANEL
    )

    def __post_init__(self) -> None:
        check_settings(self)
        if self.select_features is not None and self.space:
            raise UsageError(
                "--select_features searches sets of features, and --space searches settings; search one after"
                " the other"
            )


_NOT_TAKEN = {
    "family": "use --families",
    "preset": "it has settings of its own; give options",
    "folds": "validation is one part of the ratings, the same for all trials",
    "baselines": "",
    "top_k": "",
    "seeds": "",
    "retrain": "",
    "deploy": "",
    "start_from": "a search begins anew with each trial",
}
"""Options of a training that a search does not take, and what to do."""
_OWNERS = (
    DataConfig,
    ModelChoice,
    SplitConfig,
    TowerConfig,
    SequenceConfig,
    TrainingConfig,
    TrainerConfig,
    Judging,
)
FIXED: Mapping[str, Option] = {
    name: option for name, option in options_of_all(_OWNERS).items() if name not in _NOT_TAKEN
}
"""Options of a training that a search takes: what they say is the same for all trials."""
SEARCH: Mapping[str, Option] = options_of_all((TuneOptions, Workers))
"""A search's own."""
TUNE_OPTIONS: Mapping[str, Option] = {**SEARCH, **FIXED}
"""By name, in the order of the help."""


def tune_default_shown(name: str) -> str:
    """The default of an option that the help shows."""
    if name == "additional_feature_sets":
        return "the ids alone, or the family's only set"
    if name in SEARCH:
        return name if SEARCH[name].default is True else own_default(SEARCH[name])
    return default_shown(name)


def require_fixed(name: str) -> None:
    """Refuses an option of a training that a search does not take, such as from a file.

    Raises:
        UsageError: says which one.
    """
    if name in FIXED:
        return
    why = _NOT_TAKEN.get(name) or "a search does not take it"
    assert name in OPTIONS
    raise UsageError(f"--{name} is not for tune: {why}; leave it out")
