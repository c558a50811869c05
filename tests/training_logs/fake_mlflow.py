"""What is used of MLflow, in memory: the package itself brings twenty others along."""

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest


class MlflowException(Exception):
    """What MLflow raises."""


@dataclass
class Metric:
    key: str
    value: float
    timestamp: int
    step: int


@dataclass
class Param:
    key: str
    value: str


@dataclass
class FakeRun:
    name: str
    status: str = "RUNNING"
    params: dict[str, str] = field(default_factory=dict)
    history: list[Metric] = field(default_factory=list)


@dataclass
class FakeServer:
    """What a server holds; its clients are made with the address."""

    experiments: list[str] = field(default_factory=list)
    runs: list[FakeRun] = field(default_factory=list)
    is_down: bool = False

    def __call__(self, tracking_uri: str) -> "FakeServer":
        return self

    def get_experiment_by_name(self, name: str) -> Any:
        self._require_up()
        return SimpleNamespace(experiment_id="0") if name in self.experiments else None

    def create_experiment(self, name: str) -> str:
        self.experiments.append(name)
        return "0"

    def create_run(self, experiment_id: str, run_name: str) -> Any:
        self.runs.append(FakeRun(run_name))
        return SimpleNamespace(info=SimpleNamespace(run_id=len(self.runs) - 1))

    def log_batch(self, run_id: int, metrics: list[Metric] = (), params: list[Param] = ()) -> None:  # type: ignore[assignment]
        self._require_up()
        self.runs[run_id].history += metrics
        self.runs[run_id].params |= {one.key: one.value for one in params}

    def search_runs(self, experiment_ids: list[str], filter_string: str, max_results: int) -> list[Any]:
        found = [
            (number, one)
            for number, one in enumerate(self.runs)
            if filter_string == f"attributes.run_name = '{one.name}' and attributes.status != 'FINISHED'"
            and one.status != "FINISHED"
        ]
        return [
            SimpleNamespace(
                info=SimpleNamespace(run_id=number),
                data=SimpleNamespace(metrics={metric.key: metric.value for metric in one.history}),
            )
            for number, one in found
        ]

    def get_metric_history(self, run_id: int, key: str) -> list[Metric]:
        return [one for one in self.runs[run_id].history if one.key == key]

    def update_run(self, run_id: int, status: str) -> None:
        self.runs[run_id].status = status

    set_terminated = update_run

    def _require_up(self) -> None:
        if self.is_down:
            raise MlflowException("the server does not answer")


def install(monkeypatch: pytest.MonkeyPatch) -> FakeServer:
    """Puts it in place of the package; returns what all clients share."""
    server = FakeServer()
    parts: dict[str, dict[str, object]] = {
        "mlflow": {},
        "mlflow.entities": {"Metric": Metric, "Param": Param},
        "mlflow.exceptions": {"MlflowException": MlflowException},
        "mlflow.tracking": {"MlflowClient": server},
    }
    for name, content in parts.items():
        module = ModuleType(name)
        vars(module).update(content)
        monkeypatch.setitem(sys.modules, name, module)
    return server
