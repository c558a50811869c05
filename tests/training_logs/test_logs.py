"""Logs of trainings that are interrupted, resumed, repeated or cannot be logged; what is refused first."""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from movierec_cli.config.train_options import Logs
from movierec_cli.errors import MovierecError
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run
from movierec_cli.training_logs.open_logs import with_logs
from movierec_cli.training_logs.training_log import settings_of_run
from tests.all_tests import ALL_TESTS
from tests.saved_runs import judged_run, run_config, run_record
from tests.small_dataset import small_dataset
from tests.training_logs import fake_mlflow
from tests.training_logs.logged import of_csv, of_tensorboard


class Warned(TrainingObserver):
    def __init__(self) -> None:
        self.messages: list[str] = []

    def warned(self, message: str) -> None:
        self.messages.append(message)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> fake_mlflow.FakeServer:
    return fake_mlflow.install(monkeypatch)


@pytest.fixture
def logs(tmp_path: Path, server: fake_mlflow.FakeServer) -> Logs:
    return Logs(tensorboard=tmp_path / "board", csv_log=tmp_path / "log.csv", mlflow="http://tracking")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return judged_run(tmp_path / "models", small_dataset(), run_config())


def epochs(observer: TrainingObserver, first: int, last: int, loss: float = 1.0) -> None:
    for epoch in range(first, last + 1):
        observer.learning_rate_used(epoch, 0.5)
        observer.epoch_ended(epoch, 9, loss / epoch)


def points(loss: float, last: int) -> list[tuple[int, float]]:
    return [(epoch, pytest.approx(loss / epoch)) for epoch in range(1, last + 1)]


def test_a_resumed_training_continues_its_log_with_no_epoch_twice(
    logs: Logs, run: Run, server: fake_mlflow.FakeServer
) -> None:
    assert logs.tensorboard is not None and logs.csv_log is not None
    name = run.record.name
    killed = with_logs(TrainingObserver(), logs)
    killed.training_started("another", run.record.config)
    epochs(killed, 1, 3)
    killed.training_started(name, run.record.config)
    epochs(killed, 1, 3)  # the third is not in the checkpoint
    killed.training_stopped(KeyboardInterrupt())
    assert server.runs[1].status == "KILLED"
    again = with_logs(TrainingObserver(), logs)
    again.training_started(name, run.record.config)
    again.resumed(2)
    epochs(again, 3, 5)
    again.refit_started(2)
    epochs(again, 1, 2, loss=7.0)
    again.run_ended(run, loaded=False)
    refit = [(6, pytest.approx(7.0)), (7, pytest.approx(3.5))]
    for found in (of_tensorboard(logs.tensorboard / name), of_csv(logs.csv_log, name)):
        assert found["loss/training"] == points(1.0, 5) and found["loss/refit"] == refit
        assert [epoch for epoch, _ in found["learning_rate"]] == [1, 2, 3, 4, 5, 6, 7]
    assert [(one.name, one.status) for one in server.runs] == [("another", "RUNNING"), (name, "FINISHED")]
    losses = [(one.step, one.value) for one in server.runs[1].history if one.key == "loss/training"]
    assert losses == points(1.0, 5)
    assert of_csv(logs.csv_log, "another")["loss/training"] == points(1.0, 3)


def test_the_epochs_of_several_towers_and_their_refits_follow_one_another(logs: Logs, run: Run) -> None:
    assert logs.csv_log is not None
    name, observer = run.record.name, with_logs(TrainingObserver(), logs)
    observer.training_started(name, run.record.config)
    for member in (1, 2):
        observer.member_started(member, 2)
        epochs(observer, 1, 2)
    for member in (1, 2):
        observer.member_started(member, 2)
        observer.refit_started(1)
        epochs(observer, 1, 1, loss=7.0)
    found = of_csv(logs.csv_log, name)
    assert [epoch for epoch, _ in found["loss/training"]] == [1, 2, 3, 4]
    assert found["loss/refit"] == [(5, 7.0), (6, 7.0)]


def test_a_training_that_begins_anew_replaces_its_log_but_is_another_run_of_mlflow(
    logs: Logs, run: Run, server: fake_mlflow.FakeServer
) -> None:
    assert logs.tensorboard is not None and logs.csv_log is not None
    for loss in (1.0, 8.0):
        one = with_logs(TrainingObserver(), logs)
        one.training_started(run.record.name, run.record.config)
        epochs(one, 1, 2, loss)
        one.training_stopped(ValueError())
    for found in (of_tensorboard(logs.tensorboard / run.record.name), of_csv(logs.csv_log, run.record.name)):
        assert found["loss/training"] == points(8.0, 2)
    assert [one.status for one in server.runs] == ["FAILED", "FAILED"]


def test_what_is_loaded_or_has_no_epochs_is_not_logged(logs: Logs, run: Run) -> None:
    assert logs.tensorboard is not None and logs.csv_log is not None
    one = with_logs(TrainingObserver(), logs)
    one.run_ended(run, loaded=True)
    one.training_started("ease", run.record.config)
    one.run_ended(run, loaded=False)
    assert not list(logs.tensorboard.iterdir()) and not logs.csv_log.exists()


def test_a_log_that_fails_is_given_up_with_a_warning_and_the_training_goes_on(
    logs: Logs, run: Run, server: fake_mlflow.FakeServer
) -> None:
    assert logs.csv_log is not None
    warned = Warned()
    one = with_logs(warned, logs)
    one.training_started(run.record.name, run.record.config)
    epochs(one, 1, 1)
    server.is_down = True
    epochs(one, 2, 3)
    one.run_ended(run, loaded=False)
    assert warned.messages == ["--mlflow: the server does not answer; the training goes on without this log"]
    assert of_csv(logs.csv_log, run.record.name)["loss/training"] == points(1.0, 3)


def absent(package: str) -> Callable[[pytest.MonkeyPatch, Path], Logs]:
    def prepare(patch: pytest.MonkeyPatch, folder: Path) -> Logs:
        for name in [one for one in sys.modules if one.partition(".")[0] == package]:
            patch.delitem(sys.modules, name)
        patch.setitem(sys.modules, package, None)  # type: ignore[arg-type]
        return Logs(tensorboard=folder) if package == "tensorboard" else Logs(mlflow="http://tracking")

    return prepare


def server_down(patch: pytest.MonkeyPatch, folder: Path) -> Logs:
    fake_mlflow.install(patch).is_down = True
    return Logs(mlflow="http://tracking")


def file_in_place(patch: pytest.MonkeyPatch, folder: Path) -> Logs:
    (folder / "board").write_text("mine", encoding="utf-8")
    return Logs(tensorboard=folder / "board")


def other_table(patch: pytest.MonkeyPatch, folder: Path) -> Logs:
    (folder / "mine.csv").write_text("user,movie\n1,2\n", encoding="utf-8")
    return Logs(csv_log=folder / "mine.csv")


def folder_for_a_file(patch: pytest.MonkeyPatch, folder: Path) -> Logs:
    return Logs(csv_log=folder)


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (absent("tensorboard"), "--tensorboard needs the package tensorboard: pip install tensorboard"),
        (absent("mlflow"), r"--mlflow needs the package mlflow: pip install 'movierec\[mlflow\]'"),
        (server_down, "--mlflow http://tracking cannot be used: the server does not answer"),
        (file_in_place, "--tensorboard cannot be written to .*board: File exists"),
        (other_table, "its columns are user,movie, not run,epoch,name,value; name another file"),
        (folder_for_a_file, "--csv_log cannot be written to .*: Is a directory"),
    ],
)
def test_what_cannot_be_logged_is_refused_before_the_training(
    prepare: Callable[[pytest.MonkeyPatch, Path], Logs],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    logs = prepare(monkeypatch, tmp_path)
    with pytest.raises(MovierecError, match=message):
        with_logs(TrainingObserver(), logs)
    if logs.csv_log is not None and logs.csv_log.is_file():
        assert logs.csv_log.read_text("utf-8") == "user,movie\n1,2\n"


def test_mlflows_own_file_store_has_the_run(run: Run, tmp_path: Path) -> None:
    if not ALL_TESTS:
        pytest.importorskip("mlflow", reason="`make test-all` installs it")
    from mlflow.tracking import MlflowClient

    place = tmp_path / "mlruns"
    one = with_logs(TrainingObserver(), Logs(mlflow=str(place)))
    one.training_started(run.record.name, run.record.config)
    epochs(one, 1, 2)
    one.training_stopped(KeyboardInterrupt())
    one = with_logs(TrainingObserver(), Logs(mlflow=str(place)))
    one.training_started(run.record.name, run.record.config)
    one.resumed(1)
    epochs(one, 2, 3)
    one.validated(replace(run_record().history[0], epoch=3))
    one.run_ended(run, loaded=False)
    client = MlflowClient(tracking_uri=str(place))
    (found,) = client.search_runs([client.get_experiment_by_name("movierec").experiment_id])
    assert (found.info.run_name, found.info.status) == (run.record.name, "FINISHED")
    history = client.get_metric_history(found.info.run_id, "loss/training")
    assert [(one.step, one.value) for one in history] == points(1.0, 3)
    assert found.data.metrics["validation/recall_at_10"] == run_record().history[0].validation.recall[10]
    assert found.data.params["training.learning_rate"] == str(run.record.config.training.learning_rate)


def test_settings_are_everything_that_decides_the_numbers() -> None:
    settings = settings_of_run(run_config("timestamp", "movie_genres", learning_rate=0.25))
    assert settings["training.learning_rate"] == 0.25 and settings["family"] == "two-tower"
    assert settings["feature_set"] == "timestamp movie_genres"
    other: RunConfig = run_config("timestamp", "movie_genres", learning_rate=0.5)
    assert settings != settings_of_run(other)
