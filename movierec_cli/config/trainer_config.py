"""One run of the trainer: what is trained, on what, and what it is compared with."""

from dataclasses import field
from pathlib import Path

from movierec_cli.config.families import (
    DEFAULT_BASELINES,
    RATING_BASELINES,
    SEQUENTIAL,
    TRAINABLE,
    Family,
    check_features,
    check_split,
    default_settings,
)
from movierec_cli.config.features import FeatureSet
from movierec_cli.config.processes import Device, Processes
from movierec_cli.config.setting import Check, check_settings, setting
from movierec_cli.config.settings import (
    IN_BATCH_LOSSES,
    TRAINING_PANEL,
    DataConfig,
    LossKind,
    ModelConfig,
    Monitor,
    SplitConfig,
    TaskWeights,
    TowerConfig,
    TrainingConfig,
)
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass
from movierec_cli.text import listed

MOST_RUNS = 1_000
"""The largest number of trainings of one command."""
DEFAULT_TOP_K = (1, 5, 10, 50, 100)
"""The k of the top-k accuracies."""


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """One run of the trainer: each feature set becomes a model, trained or loaded."""

    feature_sets: tuple[FeatureSet, ...] | None = None  # None: the family's, without what the data lack
    data: DataConfig = field(default_factory=DataConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    split_of_data: SplitConfig | None = (
        None  # in place of `split` where the data come with a split of their own
    )
    family: Family = Family.TWO_TOWER  # with tasks, its `with_tasks`
    model: ModelConfig | None = None  # None: what `default_settings` says
    other_models: tuple[ModelConfig, ...] = ()  # each feature set is trained with each of them, too
    training: TrainingConfig = field(default_factory=TrainingConfig)
    tasks: tuple[TaskWeights, ...] = ()  # each feature set with each of them; none: retrieval alone
    rating_baselines: tuple[Family, ...] = RATING_BASELINES  # where there are tasks
    baselines: tuple[Family, ...] = DEFAULT_BASELINES
    n_seeds: int = setting(
        1,
        "Train each model with N seeds; the intervals then cover the training's own randomness.",
        check=Check(f"1 to {MOST_RUNS:,}", lambda value: 1 <= value <= MOST_RUNS),
        option="seeds",
        panel=TRAINING_PANEL,
    )
    retrain: bool = setting(
        False,
        "Train saved or interrupted models again. A new model replaces the old one when it is complete.",
        panel=TRAINING_PANEL,
    )
    deploy: bool = setting(
        False,
        "For use: train the best model on with all ratings, the test set included, after it was judged."
        " recommend, similar, explore, export and predict then take that one.",
        panel=TRAINING_PANEL,
    )
    start_from: str | None = setting(
        None,
        "Train a saved model on, with data that have grown: its settings are those of this model, known users"
        " and items keep what was learned of them, and new ones begin anew. The model's name, or its"
        " beginning.",
        "NAME",
        panel=TRAINING_PANEL,
    )
    saved_models_dir: Path = setting(Path("saved_models"), "The folder of the saved models.", "FOLDER")
    processes: Processes = field(default_factory=Processes)
    command: str = ""  # the command line, which is kept with what it trains

    def __post_init__(self) -> None:
        check_settings(self)
        _check_family(self)
        _check_processes(self)
        n_sets, n_weights = len(self.widest_sets), max(1, len(self.tasks)) * (1 + len(self.other_models))
        if self.split.folds and self.n_seeds > 1:
            raise UsageError(
                f"--seeds {self.n_seeds} is not for --folds {self.split.folds}, which trains each model"
                f" {self.split.folds} times already; give one of them"
            )
        if self.split.folds and self.deploy:
            raise UsageError(
                f"--deploy trains one judged model on, and --folds {self.split.folds} makes one of each fold;"
                " leave one of them out"
            )
        repeats, times = (self.split.folds, "folds") if self.split.folds else (self.n_seeds, "seeds")
        n_runs = n_sets * n_weights * repeats
        if n_runs > MOST_RUNS:
            raise UsageError(
                f"{n_sets} feature sets × {n_weights} weights × {repeats} {times} are {n_runs:,}"
                f" trainings; one command does {MOST_RUNS:,} at most"
            )

    @property
    def widest_sets(self) -> tuple[FeatureSet, ...]:
        """What is trained on data that have everything."""
        if self.feature_sets is not None:
            return self.feature_sets
        return default_settings(self.family, self.split.kind).feature_sets


def _check_towers(config: TrainerConfig, model: TowerConfig) -> None:
    """Refuses what a model of two towers cannot learn or be built of.

    Raises:
        UsageError: says why and what to use instead.
    """
    is_plain, loss = bool(model.rating_layers), config.training.loss
    if not model.layer_sizes and (
        any(one.features for one in config.widest_sets) or (config.tasks and not is_plain)
    ):
        raise UsageError(
            "--layer_sizes None is for user and item ids alone and for one task: features make the towers"
            " differ in width; give sizes, or --additional_feature_sets None"
        )
    if config.tasks and (loss in IN_BATCH_LOSSES) is not is_plain:
        other = LossKind.IN_BATCH if is_plain else LossKind.CATALOGUE
        raise UsageError(f"--loss {loss} is not for such a model of two tasks; use --loss {other}")
    if config.tasks and config.training.summed_loss:
        raise UsageError("--summed_loss is for one task; of two, the weights say how much each counts")


def _check_processes(config: TrainerConfig) -> None:
    """Refuses what several processes cannot train together.

    Raises:
        UsageError: names the family or the loss, and what to use instead.
    """
    n, device = config.processes.n_processes, config.processes.device
    if device is not Device.AUTO and not config.family.is_sequential:
        raise UsageError(
            f"--device {device} is for models of sequences, and {config.family.label} is trained on what its"
            " packages find; leave it out"
        )
    if n == 1:
        return
    if not config.family.is_sequential:
        others = listed((f"--family {one}" for one in SEQUENTIAL), "or")
        raise UsageError(
            f"--processes {n} is for models of sequences, and {config.family.label} trains in one"
            f" process; leave it out, or use {others}"
        )
    if config.training.loss in IN_BATCH_LOSSES:
        others = listed((one for one in config.family.spec.losses if one not in IN_BATCH_LOSSES), "or")
        raise UsageError(
            f"--loss {config.training.loss} compares all rows of a step with each other, which"
            f" --processes {n} divides; leave that out, or use --loss {others}"
        )


def _check_family(config: TrainerConfig) -> None:
    """Refuses what the family cannot be trained with.

    Raises:
        UsageError: names the feature, split, loss or task, the family and what to use instead.
    """
    family, loss = config.family, config.training.loss
    check_split(family, config.split.kind)
    check_features(family, config.widest_sets)
    if loss not in family.spec.losses:
        losses = listed(family.spec.losses, "or")
        raise UsageError(f"--loss {loss} is not for {family.label}; with --family {family} use {losses}")
    for model in (config.model or family.spec.model, *config.other_models):
        if model is not None and type(model) is not type(family.spec.model):
            raise UsageError(f"{family.label} is not built of a {type(model).__name__}")
        family.spec.check(family.label, model, config.training)
        if isinstance(model, TowerConfig):
            _check_towers(config, model)
    monitor = config.training.monitor
    if monitor is Monitor.LOSS and not (family.is_sequential and loss is LossKind.IN_BATCH):
        raise UsageError(
            f"--monitor {monitor} needs a validation loss, which sequential models with --loss"
            f" {LossKind.IN_BATCH} have; use --monitor {Monitor.NDCG} or {Monitor.RECALL}"
        )
    if monitor is not None and any(one.retrieval == 0 for one in config.tasks):
        raise UsageError(f"--monitor {monitor} is of rankings, which --retrieval_weight 0 does not learn")
    if config.tasks and family.with_tasks is None:
        others = [f"--family {other}" for other in TRAINABLE if other.with_tasks]
        raise UsageError(
            f"{family.label} learns no task but retrieval; leave --tasks out, or use {listed(others, 'or')}"
        )
