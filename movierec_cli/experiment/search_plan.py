"""What is asked of a search: for each family, the settings that it begins with and what it looks among."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from movierec_cli.config import (
    NO_FEATURES,
    Family,
    FeatureSet,
    SplitConfig,
    TrainerConfig,
    default_settings,
    time_features,
)
from movierec_cli.config.command_options import command_of
from movierec_cli.config.features import feature_named
from movierec_cli.config.filled_settings import trainer_config
from movierec_cli.config.search_space import Space, Value, read_values, requested, space_of, value_of
from movierec_cli.config.settings import MAX_SEED
from movierec_cli.config.train_options import OPTIONS, Given, Judging, Workers, part_of
from movierec_cli.config.tune_options import FIXED, TuneOptions
from movierec_cli.data.dataset import Dataset
from movierec_cli.errors import UsageError
from movierec_cli.evaluation.metrics import deciding_metric
from movierec_cli.experiment.trainer import common_config
from movierec_cli.experiment.trials import require_measured
from movierec_cli.models.feature_encodings import told_sets
from movierec_cli.records import dataclass
from movierec_cli.registry.record import RunConfig
from movierec_cli.text import listed

SETS = "additional_feature_sets"
_OWN_FILE = "movie_length"  # needs IMDb's file, so it is chosen from only where it is named


@dataclass(frozen=True, kw_only=True)
class FamilyPlan:
    """The search of one family."""

    family: Family
    given: Given  # of a training with the settings that the search begins with
    space: Space  # of settings; empty where sets of features are searched

    @property
    def config(self) -> TrainerConfig:
        """Of the settings that the search begins with."""
        return trainer_config(self.given)

    @property
    def first(self) -> dict[str, Value]:
        """The settings of the space that the search begins with, without those that are decided later."""
        settings = settings_by_option(self.config)
        return {name: value_of(settings[name]) for name in self.space if settings[name] is not None}

    def options(self, values: Mapping[str, Value]) -> Given:
        """The options of a training with a trial's values."""
        return self.given | read_values(values)

    def run_config(self, values: Mapping[str, Value], split: SplitConfig, offset: int) -> RunConfig:
        """Of a trial, or of a finalist, with the seed so far from the first.

        Raises:
            UsageError: the values do not go together.
        """
        config = trainer_config(self.options(values))
        common = common_config(config, split)
        assert common.training is not None and config.feature_sets is not None
        seed = (common.training.seed + offset) % (MAX_SEED + 1)
        training = replace(common.training, seed=seed)
        return replace(common, feature_set=config.feature_sets[0], training=training)


@dataclass(frozen=True, kw_only=True)
class TuneRequest:
    """What is searched and how, before any data are looked at."""

    options: TuneOptions
    workers: Workers  # where trials are done
    metric: str | None
    sets: tuple[FeatureSet, ...] | None  # that are named
    plans: tuple[FamilyPlan, ...]
    has_command: bool = True  # whether options say all, so that a command can train what is found

    @classmethod
    def of(cls, given: Given, *, has_command: bool = True) -> TuneRequest:
        """What these options ask for.

        Args:
            given: by option, of `TUNE_OPTIONS`.
            has_command: whether they say all: data frames are no options.

        Raises:
            UsageError: an option is wrong, has no meaning for any family, or nothing is left to search.
        """
        options: TuneOptions = part_of(TuneOptions, given)
        fixed = {name: value for name, value in given.items() if name in FIXED}
        judging: Judging = part_of(Judging, fixed)
        metric = None if judging.metric is None else deciding_metric(judging.metric)
        if metric is not None:
            require_measured(metric)
        sets = fixed.pop(SETS, None)
        if sets is not None and len(sets) > 1:
            raise UsageError(
                f"--{SETS} names {len(sets)} sets, and a search takes one: with it every trial is trained, or"
                " with --select_features its features are chosen among"
            )
        wanted = requested(options.space)
        _require_meaning(wanted, options.families)
        plans = tuple(_plan(family, fixed, sets, wanted, options) for family in options.families)
        _require_one_split(plans)
        return cls(
            options=options,
            workers=part_of(Workers, given),
            metric=metric,
            sets=sets,
            plans=plans,
            has_command=has_command,
        )

    def command(self, options: Given) -> str:
        """The command of a training; "" where there is none."""
        return command_of(options) if self.has_command else ""

    @property
    def widest_sets(self) -> tuple[FeatureSet, ...]:
        """What the data are loaded for."""
        return self.sets or (NO_FEATURES,)

    def on(self, dataset: Dataset) -> tuple[FamilyPlan, ...]:
        """The plans with the family's own features, without those that the data do not tell."""
        if self.options.select_features is not None or self.sets is not None:
            return self.plans
        return tuple(
            replace(one, given=one.given | {SETS: (_usual_set(one, dataset),)}) for one in self.plans
        )

    def features(
        self, family: Family, dataset: Dataset, split: SplitConfig, note: Callable[[str], object]
    ) -> FeatureSet:
        """What `--select_features` chooses among: what is named, or what the family sees and the data tell.

        Without being named, the time is not among them where ratings given later are in training; the note
        says so.

        Raises:
            UsageError: nothing is left.
        """
        if self.sets is not None:
            return self.sets[0]
        own = [one for one in map(feature_named, dataset.own) if family.spec.kind in one.kinds]
        known = [one for one in (*family.features, *own) if one != _OWN_FILE]
        (told,), _ = told_sets(dataset, [FeatureSet(tuple(known))])
        late = [one for one in told.features if one in time_features()] if split.mixes_times else []
        if late:
            note(
                f"{listed(late)} are not chosen among {split.where}, where they know what came later; name"
                f" them with --{SETS}, or use --split temporal"
            )
        if not (found := told.without(late)).features:
            raise UsageError(f"--select_features: the data have no features that {family.label} can use")
        return found


def settings_by_option(config: TrainerConfig) -> dict[str, Any]:
    """The settings of the model and the training, by option."""
    parts = (config.model, config.training)
    return {
        name: getattr(part, name)
        for part in parts
        for name in OPTIONS
        if part is not None and hasattr(part, name)
    }


def _plan(
    family: Family, fixed: Given, sets: Any, wanted: Mapping[str, Any], options: TuneOptions
) -> FamilyPlan:
    everywhere = [one for one in fixed if not any(kind.has_setting(one) for kind in options.families)]
    own = {name: value for name, value in fixed.items() if family.has_setting(name) or name in everywhere}
    given = own | {"family": family, SETS: sets or (NO_FEATURES,)}
    config = trainer_config(given)
    if options.select_features is not None:
        return FamilyPlan(family=family, given=given, space={})
    space = space_of(family, wanted, own, settings_by_option(config))
    for name, dimension in space.items():
        for value in dimension.ends:
            _require_possible(given, name, value)
    return FamilyPlan(family=family, given=given, space=space)


def _require_possible(given: Given, name: str, value: Value) -> None:
    try:
        trainer_config(given | read_values({name: value}))
    except UsageError as error:
        raise UsageError(f"--space with {name} {value}: {error}") from error


def _require_meaning(wanted: Iterable[str], families: Iterable[Family]) -> None:
    for name in wanted:
        if not any(family.has_setting(name) for family in families):
            raise UsageError(f"--space: {name} has no meaning for {listed(one.label for one in families)}")


def _require_one_split(plans: Iterable[FamilyPlan]) -> None:
    """Families are compared on the same ratings."""
    splits = {plan.family: plan.config.split for plan in plans}
    if len(set(splits.values())) > 1:
        shown = listed(
            f"{family.label} {one.kind} with --k_core {one.k_core}" for family, one in splits.items()
        )
        raise UsageError(
            f"--families are compared on one split, and their own differ: {shown}; give --split, and --k_core"
        )


def _usual_set(plan: FamilyPlan, dataset: Dataset) -> FeatureSet:
    """The family's only set, or where it is compared with several, none."""
    sets = default_settings(plan.family, plan.config.split.kind).feature_sets
    return told_sets(dataset, sets)[0][0] if len(sets) == 1 else NO_FEATURES
