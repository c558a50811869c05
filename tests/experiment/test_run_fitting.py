"""Which training a family gets, what it is handed, and what becomes of an interrupted one."""

import importlib.util
import subprocess
import sys
import types
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from movierec_cli.config import (
    Family,
    FeatureSet,
    LossKind,
    SplitConfig,
    SplitKind,
    TrainerConfig,
    default_settings,
)
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import Split
from movierec_cli.errors import MovierecError, UsageError
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.trained import FitResult, Fitted, Fitting, versions
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.registry.store import list_runs
from tests.saved_runs import EmbeddingModel, run_artifacts, run_record
from tests.small_dataset import small_dataset

SPLIT = SplitConfig(kind=SplitKind.LEAVE_LAST)


class Interrupted(Exception):
    """In place of a kill."""


class Listener(TrainingObserver):
    def __init__(self) -> None:
        self.resumed_after: list[int] = []

    def resumed(self, epoch: int) -> None:
        self.resumed_after.append(epoch)


@dataclass
class FakeTraining:
    """In place of `fit_run`: an epoch is a line in a file; after `stop_after` of them it is killed."""

    configs: list[RunConfig] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    stop_after: int = 100
    num_epochs: int = 4

    def __call__(self, fitting: Fitting) -> Fitted:
        self.configs.append(fitting.config)
        self.folders.append(fitting.checkpoint)
        fitting.checkpoint.mkdir(parents=True, exist_ok=True)
        file = fitting.checkpoint / "epochs"
        done = len(file.read_text().splitlines()) if file.exists() else 0
        if done:
            fitting.observer.resumed(done)
        for epoch in range(done + 1, self.num_epochs + 1):
            with file.open("a") as lines:
                lines.write(f"{epoch}\n")
            fitting.observer.epoch_ended(epoch, self.num_epochs, 1.0)
            if epoch == self.stop_after:
                raise Interrupted
        return trained(fitting.dataset, fitting.split)


def trained(dataset: Dataset, split: Split) -> Fitted:
    artifacts = replace(
        run_artifacts(n_users=len(dataset.users), n_movies=len(dataset.movies), dim=4),
        user_ids=dataset.users.user_id,
        movie_ids=dataset.movies.movie_id,
    )
    model = EmbeddingModel(artifacts.user_embeddings, artifacts.movie_embeddings)
    result = FitResult(
        training_s=7.5, validation_s=2.0, history=run_record().history, best_epoch=15, epochs_run=20
    )
    outcome = evaluate(dataset, split.fit, split.test, model)
    return Fitted.of(result, 321, RunParts(outcome=outcome, artifacts=artifacts))


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeTraining:
    training, module = FakeTraining(), types.ModuleType("movierec_cli.models.sequential.sequence_training")
    module.fit_run = training  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return training


def config_in(folder: Path, **changes: object) -> TrainerConfig:
    common = default_settings(Family.GRU4REC)
    config = TrainerConfig(
        feature_sets=(FeatureSet(), FeatureSet.parse(["movie_genres", "time_gap"])),
        split=SPLIT,
        family=Family.GRU4REC,
        training=common.training,
        baselines=(),
        saved_models_dir=folder / "saved_models",
    )
    return replace(config, **changes)  # type: ignore[arg-type]


def test_a_family_of_sequences_is_trained_as_such_and_saved_as_any_other(
    fake: FakeTraining, tmp_path: Path
) -> None:
    config = config_in(tmp_path, n_seeds=2)
    runs = RunTrainer(config, source=small_dataset()).run()
    common = default_settings(Family.GRU4REC)
    assert (
        fake.configs
        == [run.record.config for run in runs]
        == [
            RunConfig(
                family=Family.GRU4REC,
                split=SPLIT,
                feature_set=feature_set,
                model=common.model,
                training=replace(common.training, seed=seed),
            )
            for feature_set in config.feature_sets
            for seed in (42, 43)
        ]
    )
    assert len(set(fake.folders)) == 4  # of what is unfinished, each has its own
    record = runs[0].record
    assert (record.n_parameters, record.best_epoch, record.epochs_run) == (321, 15, 20)
    assert (record.training_s, record.validation_s, record.history) == (7.5, 2.0, run_record().history)
    assert set(record.versions) == {"movierec", "jax", "keras", "keras-rs", "numpy"}
    listed, problems = list_runs(tmp_path / "saved_models")
    assert {run.record.name for run in listed} == {run.record.name for run in runs} and problems == []


def test_the_settings_asked_for_come_before_the_usual_ones(fake: FakeTraining, tmp_path: Path) -> None:
    common = default_settings(Family.SASREC).model
    asked = replace(common, max_length=7)
    config = config_in(tmp_path, family=Family.SASREC, model=asked, feature_sets=(FeatureSet(),))
    (run,) = RunTrainer(config, source=small_dataset()).run_configs()
    assert (run.family, run.model) == (Family.SASREC, asked)


@pytest.mark.parametrize("retrain", [False, True])
def test_an_interrupted_training_goes_on_or_with_retrain_anew_and_leaves_nothing(
    fake: FakeTraining, tmp_path: Path, retrain: bool
) -> None:
    config, listener = config_in(tmp_path, feature_sets=(FeatureSet(),), retrain=retrain), Listener()
    fake.stop_after = 2
    with pytest.raises(Interrupted):
        RunTrainer(config, listener, small_dataset()).run()
    (folder,) = set(fake.folders)
    assert folder.is_dir() and folder.parent == tmp_path / "saved_models"
    assert list_runs(folder.parent) == ([], [])  # neither a run nor a problem
    fake.stop_after = 100
    (run,) = RunTrainer(config, listener, small_dataset()).run()
    assert set(fake.folders) == {folder} and folder.name == f".unfinished-{run.record.name}"
    assert listener.resumed_after == ([] if retrain else [2])
    assert not folder.exists() and run.folder.is_dir()


def test_what_is_left_by_a_process_that_was_killed_after_it_had_saved_goes_with_the_next_look(
    fake: FakeTraining, tmp_path: Path
) -> None:
    config, listener = config_in(tmp_path, feature_sets=(FeatureSet(),)), Listener()
    (run,) = RunTrainer(config, source=small_dataset()).run()
    (folder,) = fake.folders
    folder.mkdir()
    (folder / "epochs").write_text("1\n")
    (again,) = RunTrainer(config, listener, small_dataset()).run()
    assert again.folder == run.folder and len(fake.folders) == 1
    assert not folder.exists() and listener.resumed_after == []


def test_what_cannot_be_started_anew_is_told(fake: FakeTraining, tmp_path: Path) -> None:
    config = config_in(tmp_path, feature_sets=(FeatureSet(),))
    RunTrainer(config, source=small_dataset()).run()
    (folder,) = fake.folders
    folder.write_text("not a folder")
    with pytest.raises(MovierecError, match="cannot be deleted for --retrain") as told:
        RunTrainer(replace(config, retrain=True), source=small_dataset()).run()
    assert str(folder) in str(told.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"split": SplitConfig()}, "--split random .* GRU4Rec"),
        ({"feature_sets": (FeatureSet.parse(["week"]),)}, "GRU4Rec cannot see week"),
        ({"family": Family.TWO_TOWER}, "two towers cannot see time_gap"),
        (
            {"training": replace(default_settings(Family.GRU4REC).training, loss=LossKind.IN_BATCH)},
            "needs --windows",
        ),
    ],
)
def test_a_config_of_what_cannot_be_trained_is_refused(
    changes: dict[str, object], words: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=words):
        config_in(tmp_path, **changes)


@pytest.mark.parametrize("family", [one for one in Family if one is not Family.OTHER])
def test_every_family_names_its_fit_and_its_packages(family: Family) -> None:
    assert {"movierec", "numpy"} <= set(versions(RunConfig(family=family, split=SPLIT)))
    module, _, function = family.spec.fit.partition(":")
    source = importlib.util.find_spec(module).origin  # found, not imported: that would take its engine
    assert f"def {function}(fitting: Fitting) -> Fitted:" in Path(source).read_text(encoding="utf-8")


WITHOUT_TENSORFLOW = """
import sys
import pytest
from pathlib import Path
from movierec_cli.models.sequential.engine import start_keras
start_keras()
from movierec_cli.models.sequential import sequence_training as training
from movierec_cli.config.train_options import Logs
from movierec_cli.training_logs.open_logs import with_logs
from tests.experiment.test_run_fitting import *

training.fit_run = FakeTraining()
folder = Path(sys.argv[1])
observer = with_logs(TrainingObserver(), Logs(tensorboard=folder / "logs", csv_log=folder / "log.csv"))
runs = RunTrainer(config_in(folder), observer, source=small_dataset()).run()
assert {one.name for one in (folder / "logs").iterdir()} == {run.record.name for run in runs}
heavy = {name for name in sys.modules if name.partition(".")[0] in ("tensorflow", "tf_keras")}
assert not heavy, sorted(heavy)[:5]
assert "jax" in sys.modules
"""


def test_nothing_of_a_model_of_sequences_or_of_its_logs_imports_tensorflow(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TENSORFLOW, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 0, done.stderr
