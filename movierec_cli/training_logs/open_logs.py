"""The logs that options ask for."""

import pkgutil

from movierec_cli.config.train_options import Logs
from movierec_cli.models.observer import TrainingObserver, together

_HOMES = {
    "tensorboard": "movierec_cli.training_logs.tensorboard_log:TensorBoardLog",
    "csv_log": "movierec_cli.training_logs.csv_log:CsvLog",
    "mlflow": "movierec_cli.training_logs.mlflow_log:MlflowLog",
}
"""The log of each field of `Logs`; imported when it is asked for."""


def with_logs(observer: TrainingObserver, logs: Logs) -> TrainingObserver:
    """An observer with the logs that are asked for.

    Raises:
        MovierecError: one cannot be written, or lacks its package.
    """
    asked = {name: place for name, place in vars(logs).items() if place is not None}
    opened = [pkgutil.resolve_name(_HOMES[name])(place, observer.warned) for name, place in asked.items()]
    return together(observer, *opened) if opened else observer
