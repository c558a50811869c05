"""What `movierec train` is asked for: the options that are given, the rest as is usual."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

from movierec_cli.cli.parsing.family_options import TRAINABLE, has_meaning
from movierec_cli.cli.parsing.task_options import TaskRequest
from movierec_cli.config import Family, ModelConfig, SequenceConfig, SplitConfig, SplitKind, TrainingConfig
from movierec_cli.config.defaults import PRESETS, Preset, Settings, default_settings
from movierec_cli.config.family_checks import SAMPLED_LOSSES, check_split
from movierec_cli.errors import UsageError

Given = dict[str, Any]
"""Values by field; None for what is not given."""

T = TypeVar("T", SplitConfig, ModelConfig, SequenceConfig, TrainingConfig)


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """The options as they are given, by field."""

    family: Family | None = None
    preset: Preset | None = None
    tasks: TaskRequest = field(default_factory=TaskRequest)
    split: Given = field(default_factory=dict)
    model: Given = field(default_factory=dict)  # of `ModelConfig` and `SequenceConfig`
    training: Given = field(default_factory=dict)

    def filled(self) -> Settings:
        """The preset, or what is usual for the model and the split, with the given options in their places.

        Raises:
            UsageError: an option says nothing to the model, contradicts another, or has a wrong value.
        """
        base = self._base()
        self._check_meanings(base.family)
        found = replace(
            base,
            split=_changed(base.split, self.split),
            model=base.model and _changed(base.model, self.model),
            sequence=base.sequence and _changed(base.sequence, self.model),
            # The usual weighting hangs on the loss too, so it is found where both are known.
            training=_changed(replace(base.training, weighting=None), self.training),
        )
        self._check_negatives(found.training)
        return found

    def _base(self) -> Settings:
        if self.preset is not None:
            return self._of_preset(self.preset)
        family, kind = self.family or Family.TWO_TOWER, self.split.get("kind")
        if kind is not None:
            check_split(family, SplitKind(kind))
        return default_settings(family, kind, rates=not family.is_sequential and bool(self.tasks.weights()))

    def _of_preset(self, preset: Preset) -> Settings:
        found = PRESETS[preset]
        if self.family not in (None, found.family):
            raise UsageError(
                f"--preset {preset} is of --model {found.family}, and --model is {self.family}; leave one of"
                " them out"
            )
        return found

    def _check_meanings(self, family: Family) -> None:
        tasks = {one.name: getattr(self.tasks, one.name) for one in fields(self.tasks)}
        for name, value in (self.split | self.model | self.training | tasks).items():
            if value is not None and not has_meaning(name, family):
                meant = [f"--model {other}" for other in TRAINABLE if has_meaning(name, other)]
                raise UsageError(
                    f"--{name} says nothing to {family.label} (--model {family}); it is for"
                    f" {' and '.join(meant)}"
                )

    def _check_negatives(self, training: TrainingConfig) -> None:
        asked = self.model.get("num_negatives")
        if asked is not None and training.loss not in SAMPLED_LOSSES:
            raise UsageError(
                f"--num_negatives is {asked}, but --loss {training.loss} draws no movies by lot; use --loss"
                f" {' or '.join(SAMPLED_LOSSES)}"
            )


def parse_model(value: str | None) -> Family | None:
    """Reads the name of a model that is trained in epochs.

    Raises:
        UsageError: there is none of that name.
    """
    if value is None:
        return None
    name = value.strip().lower().replace("_", "-")
    if name not in list(TRAINABLE):
        hint = " (baselines are named with --baselines)" if name in list(Family) else ""
        raise UsageError(f"--model is '{value}'; it takes {', '.join(TRAINABLE)}{hint}")
    return Family(name)


def complete_model(incomplete: str) -> list[str]:
    """Models for the shell."""
    return [family for family in TRAINABLE if family.startswith(incomplete)]


def _changed(part: T, given: Given) -> T:
    """With the values that are given and that it has a field for."""
    known = {one.name for one in fields(part)}
    return replace(
        part, **{name: value for name, value in given.items() if value is not None and name in known}
    )
