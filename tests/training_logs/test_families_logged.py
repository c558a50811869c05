"""Each family's training, logged in every way at once, and read as other programs read it."""

from dataclasses import dataclass

import numpy as np
import pytest

from movierec_cli.config.train_options import Logs, read_options
from movierec_cli.experiment.request import TrainRequest
from movierec_cli.experiment.trainer import RunTrainer
from movierec_cli.registry.store import Run
from movierec_cli.training_logs.open_logs import with_logs
from movierec_cli.training_logs.training_log import settings_of_run
from tests.models.heard import Heard
from tests.small_dataset import small_dataset
from tests.training_logs import fake_mlflow
from tests.training_logs.logged import Curves, expected_validations, of_csv, of_tensorboard

EPOCHS = 2
TOWERS = {"layer_sizes": [4], "validation_freq": 1}
NO_REFIT = {"refit": False}
OPTIONS: dict[str, dict[str, object]] = {
    "two-tower": TOWERS,
    "two tasks": {**TOWERS, **NO_REFIT, "tasks": ["retrieval", "rating"], "rating_baselines": "None"},
    "hybrid": {**TOWERS, **NO_REFIT, "family": "hybrid", "members": 1},
    "sequences": {
        **NO_REFIT,
        "family": "gru4rec",
        "num_layers": 1,
        "hidden_size": 4,
        "num_negatives": 2,
        "schedule": "cosine",
    },
}


@dataclass(frozen=True)
class Logged:
    """A run, where it was logged, and what else was told."""

    run: Run
    heard: Heard
    logs: Logs
    server: fake_mlflow.FakeServer

    @property
    def curves(self) -> Curves:
        """What must be read: the losses and rates that were told, and what the run's record says."""
        epochs = range(1, len(self.heard.losses) + 1)
        losses = list(zip(epochs, self.heard.losses, strict=True))
        refit = {"loss/refit": losses[EPOCHS:]} if losses[EPOCHS:] else {}
        rates = {"learning_rate": list(zip(epochs, self.heard.rates, strict=True))}
        return {"loss/training": losses[:EPOCHS], **refit, **rates, **expected_validations(self.run)}


@pytest.fixture(scope="module", params=OPTIONS)
def logged(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Logged:
    folder = tmp_path_factory.mktemp("logged")
    logs = Logs(tensorboard=folder / "board", csv_log=folder / "log.csv", mlflow="http://tracking")
    heard = Heard()
    common = {"num_epochs": EPOCHS, "embedding_size": 4, "feature_sets": [None], "baselines": "None"}
    given = read_options({**common, **OPTIONS[request.param], "saved_models_dir": folder / "models"})
    with pytest.MonkeyPatch.context() as patch:
        server = fake_mlflow.install(patch)
        observer = with_logs(heard, logs)
        (run,) = RunTrainer(TrainRequest.of(given).config, observer, small_dataset()).run()
    return Logged(run, heard, logs, server)


def assert_same(found: Curves, expected: Curves, rtol: float = 0.0) -> None:
    assert found.keys() == expected.keys()
    for name, points in expected.items():
        np.testing.assert_allclose(found[name], points, rtol=rtol, err_msg=name)


def test_tensorboard_reads_losses_metrics_and_learning_rate(logged: Logged) -> None:
    assert logged.logs.tensorboard is not None
    names = {one.name for one in logged.logs.tensorboard.iterdir()}
    assert names == {logged.run.record.name}
    found = of_tensorboard(logged.logs.tensorboard / logged.run.record.name)
    assert_same(found, logged.curves, rtol=1e-6)  # 32 bits
    assert {"validation/ndcg@10", "validation/recall@10", "loss/training", "learning_rate"} <= found.keys()
    assert ("validation/rmse" in found) is (logged.run.record.config.tasks is not None)
    assert ("loss/refit" in found) is bool(logged.heard.refits)


def test_the_csv_file_and_mlflow_have_the_same(logged: Logged) -> None:
    assert logged.logs.csv_log is not None
    expected = logged.curves
    assert_same(of_csv(logged.logs.csv_log, logged.run.record.name), expected)
    (one,) = logged.server.runs
    assert (one.name, one.status) == (logged.run.record.name, "FINISHED")
    by_name: Curves = {}
    for metric in one.history:
        by_name.setdefault(metric.key.replace("_at_", "@"), []).append((metric.step, metric.value))
    assert_same(by_name, expected)
    settings = settings_of_run(logged.run.record.config)
    assert one.params == {name: str(value) for name, value in settings.items()}
    assert one.params["family"] == logged.run.record.config.family
    assert one.params["training.num_epochs"] == "2" and one.params["split.kind"]


def test_the_projector_finds_the_embeddings_with_titles(logged: Logged) -> None:
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    assert logged.logs.tensorboard is not None
    folder = logged.logs.tensorboard / logged.run.record.name
    text = (folder / "projector_config.pbtxt").read_text("utf-8")
    (movies,) = text_format.Parse(text, ProjectorConfig()).embeddings
    read = np.loadtxt(folder / movies.tensor_path, delimiter="\t", dtype=np.float32)
    np.testing.assert_array_equal(read, logged.run.artifacts.movie_embeddings)
    lines = (folder / movies.metadata_path).read_text("utf-8").splitlines()
    assert lines[0] == "id\ttitle\tgenres" and lines[1] == "100\tFilm 100 (1980)\tComedy"
    assert len(lines) == len(read) + 1
