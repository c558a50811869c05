"""Which runs are one model, what people call it, and which are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Protocol, TypeVar

from movierec_cli.config import NO_FEATURES, SAMPLED_LOSSES
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run


class OfARun(Protocol):
    """Something that a run did."""

    @property
    def run(self) -> Run: ...


class Named(Protocol):
    """A model in whatever is compared."""

    @property
    def label(self) -> str: ...

    @property
    def is_baseline(self) -> bool: ...


T = TypeVar("T", bound=OfARun)


def by_model(evaluated: Sequence[T]) -> dict[str, list[T]]:
    """Runs that differ in the seed of their training only are one model, in the order of the seeds.

    Trained ones come first. The label of a trained one does not depend on the baselines beside it.
    """
    groups: dict[RunConfig, list[T]] = {}
    for one in sorted(evaluated, key=lambda one: not one.run.record.config.family.is_trained):
        groups.setdefault(one.run.record.config.without_seed, []).append(one)
    return dict(
        zip(_labels(list(groups)), (sorted(group, key=_seed) for group in groups.values()), strict=True)
    )


def pairs(models: Sequence[Named]) -> list[tuple[str, str]]:
    """Every two models of which one at least was trained, the later one first: it has more features."""
    return [
        (b.label, a.label) if not b.is_baseline else (a.label, b.label)
        for i, a in enumerate(models)
        for b in models[i + 1 :]
        if not a.is_baseline
    ]


def way_of(config: RunConfig) -> RunConfig:
    """Equal for runs that were trained alike: that differ in features and seed only."""
    return replace(config.without_seed, feature_set=NO_FEATURES)


def settings_of(config: RunConfig) -> dict[str, Any]:
    """How a model was built and trained, by name: what says something to its family. Baselines: nothing."""
    settings = {
        name: value
        for part in (config.model, config.training)
        if part is not None
        for name, value in asdict(part).items()
        if config.family.has_setting(name)
    }
    if config.training is not None and config.training.loss not in SAMPLED_LOSSES:
        settings.pop("num_negatives", None)
    return settings


def _seed(one: OfARun) -> int:
    training = one.run.record.config.training
    return training.seed if training is not None else 0


def _labels(configs: Sequence[RunConfig]) -> list[str]:
    """What people call each; where two would be called alike, the settings that they differ in follow."""
    labels = [config.label for config in configs]
    labelled = []
    for config, label in zip(configs, labels, strict=True):
        alike = [_with_weights(other) for other, name in zip(configs, labels, strict=True) if name == label]
        own = _with_weights(config)
        differing = [key for key in own if any(other.get(key) != own[key] for other in alike)]
        words = ", ".join(f"{key} {_shown(own[key])}" for key in differing)
        labelled.append(f"{label} ({words})" if words else label)
    return labelled


def _with_weights(config: RunConfig) -> dict[str, Any]:
    weights = asdict(config.tasks) if config.tasks is not None else {}
    return settings_of(config) | {f"{task}_weight": weight for task, weight in weights.items()}


def _shown(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)
