"""A log to MLflow: a run of its experiment "movierec" for each training."""

import os
import re
import time
from collections.abc import Callable
from typing import Any

from movierec_cli.errors import MovierecError
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.store import Run
from movierec_cli.training_logs.training_log import TrainingLog, Values, settings_of_run

EXPERIMENT = "movierec"
_SERVER = re.compile(r"(?!file:)[a-z][a-z0-9+.-]+:", re.IGNORECASE)


class MlflowLog(TrainingLog):
    """Asks MLflow's client, with no global state of MLflow's changed.

    Raises:
        MovierecError: the package is not installed, or there is no such server or folder.
    """

    option = "--mlflow"

    def __init__(self, uri: str, warn: Callable[[str], None]) -> None:
        super().__init__(warn)
        if not _SERVER.match(uri):  # MLflow keeps runs in a folder only where that is asked for
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        try:
            from mlflow.entities import Metric, Param
            from mlflow.exceptions import MlflowException
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise MovierecError(
                f"{self.option} needs the package mlflow: pip install 'movierec[mlflow]', or pip install"
                " mlflow-skinny"
            ) from error
        self._metric, self._param = Metric, Param
        self.problems = (*self.problems, MlflowException)
        try:
            self._client: Any = MlflowClient(tracking_uri=uri)
            found = self._client.get_experiment_by_name(EXPERIMENT)
            self._experiment = found.experiment_id if found else self._client.create_experiment(EXPERIMENT)
        except self.problems as error:
            raise MovierecError(f"{self.option} {uri} cannot be used: {error}") from error

    def begin(self, name: str, config: RunConfig, after: int) -> None:
        self._logged: dict[str, int] = {}
        unfinished = self._unfinished(name) if after else None
        if unfinished is None:
            self._run = self._client.create_run(self._experiment, run_name=name).info.run_id
            params = [self._param(key, str(value)) for key, value in settings_of_run(config).items()]
            self._client.log_batch(self._run, params=params)
            return
        self._run = unfinished.info.run_id
        self._client.update_run(self._run, status="RUNNING")
        for key in unfinished.data.metrics:  # what was logged after the checkpoint is not logged twice
            history = self._client.get_metric_history(self._run, key)
            self._logged[key] = max(one.step for one in history)

    def write(self, epoch: int, values: Values) -> None:
        now_ms = int(time.time() * 1000)
        # MLflow's names have no "@".
        named = {name.replace("@", "_at_"): value for name, value in values.items()}
        metrics = [
            self._metric(name, value, now_ms, epoch)
            for name, value in named.items()
            if epoch > self._logged.get(name, 0)
        ]
        self._client.log_batch(self._run, metrics=metrics)

    def complete(self, run: Run) -> None:
        self._client.set_terminated(self._run, "FINISHED")

    def abandon(self, error: BaseException) -> None:
        self._client.set_terminated(self._run, "FAILED" if isinstance(error, Exception) else "KILLED")

    def _unfinished(self, name: str) -> Any:
        wanted = f"attributes.run_name = '{name}' and attributes.status != 'FINISHED'"
        runs = self._client.search_runs([self._experiment], filter_string=wanted, max_results=1)
        return runs[0] if runs else None
