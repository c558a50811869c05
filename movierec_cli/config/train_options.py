"""Every option of a training, whoever names it: the command line, a file or Python.

Each is the field of one class, which declares its type, default, help and check. `OPTIONS` is read off these
classes; the options of `movierec train`, the keys of `--config` and the keywords in Python are read off it.
"""

# `setting` is `dataclasses.field`, which ruff cannot see.
import difflib
import json
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

from movierec_cli.config.entry_points import EntryKind
from movierec_cli.config.families import BASELINES, SEQUENTIAL, TRAINABLE, Family
from movierec_cli.config.features import FeatureSet, feature_names
from movierec_cli.config.option_values import NONE, read_value, type_of
from movierec_cli.config.presets import Preset
from movierec_cli.config.processes import Processes
from movierec_cli.config.setting import JOBS, Setting, check_settings, setting, settings_of
from movierec_cli.config.settings import (
    MODEL_PANEL,
    TRAINING_PANEL,
    DataConfig,
    RankBy,
    SequenceConfig,
    SplitConfig,
    TowerConfig,
    TrainingConfig,
)
from movierec_cli.config.task_options import TaskRequest
from movierec_cli.config.trainer_config import DEFAULT_TOP_K, TrainerConfig
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass
from movierec_cli.text import listed

"""The largest number of tasks at once."""
EVALUATION_PANEL, OUTPUT_PANEL = "Evaluation", "Output"

Given = dict[str, Any]
"""Values by option; what is not in it, or None, is not given."""

_model = partial(setting, None, panel=MODEL_PANEL)
_judge = partial(setting, panel=EVALUATION_PANEL)
_output = partial(setting, panel=OUTPUT_PANEL)

_ONLY_OF_SEQUENCES = [one for one in SEQUENTIAL[0].features if one not in Family.TWO_TOWER.features]


@dataclass(frozen=True, kw_only=True)
class ModelChoice:
    """What is trained, in a word."""

    additional_feature_sets: tuple[FeatureSet, ...] | None = setting(
        None,
        "The features of one model besides the ids of user and movie, separated by spaces or commas, or "
        "None. Repeat the option for another model. "
        f"Features: {', '.join(feature_names())}; and the columns of your own data (movierec data describe)."
        f" {listed(SEQUENTIAL)} can use"
        f" {', '.join(SEQUENTIAL[0].features)}; only they can use {listed(_ONLY_OF_SEQUENCES)}.",
        "FEATURE...",
        entries=EntryKind.FEATURE,
    )
    family: Family | None = _model(
        f"The kind of model to train: {', '.join(TRAINABLE)}. {listed(SEQUENTIAL)} learn the order of a"
        " user's movies.",
        "NAME",
        entries=EntryKind.FAMILY,
    )
    preset: Preset | None = _model(
        f"Use the model, the split and the settings of a published or a larger model: {', '.join(Preset)}."
        " Options given beside it replace its own.",
        "NAME",
    )


@dataclass(frozen=True, kw_only=True)
class Judging:
    """What the models are compared with, and by what."""

    baselines: tuple[Family, ...] | None = _judge(
        None,
        f"The baselines that the models are compared with: {', '.join(BASELINES)}, or all, or None.",
        "NAME...",
        entries=EntryKind.FAMILY,
    )
    top_k: tuple[int, ...] = _judge(
        DEFAULT_TOP_K,
        "The values of k for the top-k accuracies.",
        "K...",
        default_shown=" ".join(map(str, DEFAULT_TOP_K)),
    )
    metric: str | None = _judge(
        None,
        "The metric that decides which model is best and which features help: recall@K, ndcg@K, map@K or"
        " mrr@K, among unseen movies.",
        "NAME",
        default_shown="ndcg@10",
        entries=EntryKind.METRIC,
    )


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What is shown beside the comparison, and where."""

    user_id: str | None = _output(
        None,
        "Show the ratings of this user, and ten movies that each model recommends.",
        "ID",
        option="generate_recommendations_for_user",
    )
    include_seen: bool = _output(False, "Recommend movies that the user rated, too.")
    rank_by: RankBy = _output(
        RankBy.SCORE,
        "The order of the recommendations: score, rating (predicted stars) or blend (both).",
        "KIND",
    )
    details: bool = _output(
        False, "Also print the split, top-k accuracy, costs, what is recommended, and each finding."
    )
    open_page: bool = _output(False, "Open the page in the browser.", option="open")
    output: Path = _output(Path("movierec.html"), "Write the page there.", "FILE", also=("-o", "--plot"))


@dataclass(frozen=True, kw_only=True)
class Logs:
    """Where trainings are logged, epoch by epoch."""

    tensorboard: Path | None = _output(
        None,
        "Log each training there for TensorBoard, in a folder named as the run: losses, validation metrics,"
        " learning rate, settings and embeddings.",
        "FOLDER",
    )
    csv_log: Path | None = _output(
        None, "Log each training's losses, validation metrics and learning rate to this CSV file.", "FILE"
    )
    mlflow: str | None = _output(
        None,
        "Log each training to MLflow: the address of its server, or a folder. Needs movierec[mlflow].",
        "URI",
    )


@dataclass(frozen=True, kw_only=True)
class Workers:
    """Where models are trained."""

    jobs: int | None = setting(
        None,
        "Train N models at once, each in a process of this machine; with --cluster, N at most.",
        check=JOBS,
        panel=TRAINING_PANEL,
        default_shown="1, with --cluster one for each core",
    )
    cluster: str | None = setting(
        None,
        "Train on a Ray cluster: local (the cores of this machine), auto (the cluster that this machine"
        " belongs to) or its address, such as 10.0.0.1:6379. Needs movierec[cluster].",
        "WHERE",
        panel=TRAINING_PANEL,
    )

    def __post_init__(self) -> None:
        check_settings(self)


@dataclass(frozen=True)
class Option:
    """An option, and the field that declares it."""

    name: str  # without dashes
    owner: type
    field: str
    hint: Any  # the type of its values
    default: Any

    @property
    def setting(self) -> Setting:
        """What is declared."""
        return settings_of(self.owner)[self.field]

    @property
    def is_flag(self) -> bool:
        """Whether it is given without a value."""
        return isinstance(self.default, bool)

    @property
    def is_repeated(self) -> bool:
        """Whether it is given once for each of several values that have several values themselves."""
        return bool(type_of(self.hint) == tuple[FeatureSet, ...])

    def read(self, value: object) -> Any:
        """The value that is meant. Raises a `UsageError` for what the option does not take."""
        return read_value(self.name, self.hint, value)


def options_of(owner: Any) -> dict[str, Option]:
    """What a class declares, by the option's name."""
    hints, defaults = get_type_hints(owner), {one.name: one.default for one in fields(owner)}
    return {
        one.option or name: Option(one.option or name, owner, name, hints[name], defaults[name])
        for name, one in settings_of(owner).items()
    }


OWNERS = (
    DataConfig,
    ModelChoice,
    SplitConfig,
    TowerConfig,
    SequenceConfig,
    TrainingConfig,
    TrainerConfig,
    Processes,
    TaskRequest,
    Judging,
    Shown,
    Logs,
    Workers,
)
"""What declares the options; one that several have is one option."""


def options_of_all(owners: Iterable[type]) -> dict[str, Option]:
    """What several classes declare; of those that declare the same option, the first."""
    found: dict[str, Option] = {}
    for owner in owners:
        for name, one in options_of(owner).items():
            found.setdefault(name, one)
    return found


OPTIONS = options_of_all(OWNERS)
"""By name, in the order of the help."""
_SHORT = {"feature_sets": "additional_feature_sets"}
"""Names that files and Python may give an option, too."""


def option_named(name: str, options: Mapping[str, Option] = OPTIONS) -> Option:
    """The option of a name, in either spelling.

    Raises:
        UsageError: there is none; names the nearest.
    """
    plain = name.replace("-", "_")
    plain = _SHORT.get(plain, plain)
    if plain in options:
        return options[plain]
    nearest = [f"--{one}" for one in sorted(difflib.get_close_matches(plain, options))]
    raise UsageError(
        f"No such option: --{name}" + (f" (Possible options: {', '.join(nearest)})" if nearest else "")
    )


def read_options(given: Mapping[str, object], options: Mapping[str, Option] = OPTIONS) -> Given:
    """The values that are given, by option; None is none.

    Raises:
        UsageError: there is no such option, it is given twice, or its value is none that it takes.
    """
    found: Given = {}
    for name, value in given.items():
        option = option_named(name, options)
        if option.name in found:
            raise UsageError(f"--{option.name} and --{name} are the same option; give it once")
        if value is not None:
            found[option.name] = option.read(value)
    return found


def beside(file: Given, given: Given) -> Given:
    """The options of a file with those that are given beside it, which win.

    A data set is named in one way: what names another one takes the place of the file's.
    """
    names_data = {"dataset", "archive"}
    left_out = names_data if names_data & given.keys() else set()
    return {name: value for name, value in file.items() if name not in left_out} | given


def part_of(owner: Any, given: Mapping[str, Any]) -> Any:
    """The owner of some options, made of those that are given."""
    own = {one.field: given[one.name] for one in options_of(owner).values() if one.name in given}
    return owner(**own)


# --- as text --------------------------------------------------------------------------------------------

_LINE = 100  # characters of a comment


def toml_of(given: Mapping[str, Any]) -> str:
    """A file for `--config` with what is given."""
    return "".join(f"{name} = {_toml(value)}\n" for name, value in given.items())


def documented_toml_of(given: Mapping[str, Any]) -> str:
    """The same with, as comments, the help of each option and every other option with its default."""
    lines = ["# Options of movierec train --config FILE. A line that begins with # is not in force."]
    panel = None
    for name, option in sorted(OPTIONS.items(), key=lambda item: _panels().index(item[1].setting.panel)):
        if option.setting.panel != panel:
            panel = option.setting.panel
            lines += ["", f"# --- {panel or 'General'} ---"]
        lines += ["", *(f"# {line}" for line in textwrap.wrap(option.setting.full_help, _LINE))]
        in_force = name in given
        value = _toml(given[name] if in_force else option.default)
        lines.append(f"{'' if in_force else '# '}{name} = {value or option.setting.metavar}".rstrip())
    return "\n".join(lines) + "\n"


def _panels() -> list[str]:
    return list(dict.fromkeys(one.setting.panel for one in OPTIONS.values()))


def _toml(value: Any) -> str:
    """A value in TOML; "" for None. Raises a `UsageError` for what is no text."""
    if isinstance(value, FeatureSet):
        return _toml(list(value.features) or NONE)
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_toml, value))}]"
    if value is None:
        return ""
    if isinstance(value, bool | int | float) and not isinstance(value, str):
        return str(value).lower()
    text = str(value)
    if text.encode(errors="ignore").decode() != text:  # halves of characters, such as of a file's name
        raise UsageError(f"{text!a} cannot stand in a file of options: it is no text in UTF-8")
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
