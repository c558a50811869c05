"""RecTools' SASRec by its own interpreter: `python rectools_epoch.py RATINGS.npz SETTINGS`, prints JSON.

RATINGS.npz has `user`, `movie` and `order`, one entry a rating; SETTINGS is JSON: the arguments of
`SASRecModel`. Nothing of this project is imported: RecTools' dependencies are not ours.
"""

import json
import os
import sys
import time

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel


class Clock(Callback):
    """The seconds of each epoch."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._started = 0.0

    def on_train_epoch_start(self, *_: object) -> None:
        self._started = time.perf_counter()

    def on_train_epoch_end(self, *_: object) -> None:
        self.seconds.append(time.perf_counter() - self._started)


def ratings_of(path: str) -> Dataset:
    """RecTools orders by time, and `order` has no ties."""
    with np.load(path) as file:
        frame = pd.DataFrame(
            {
                Columns.User: file["user"],
                Columns.Item: file["movie"],
                Columns.Weight: 1.0,
                Columns.Datetime: pd.to_datetime(file["order"], unit="s"),
            }
        )
    return Dataset.construct(frame)


def main() -> None:
    path, settings = sys.argv[1], json.loads(sys.argv[2])
    torch.set_num_threads(os.cpu_count() or 1)
    seed_everything(0)

    def trainer() -> Trainer:
        """What RecTools makes by default, but on the processor and with a clock."""
        return Trainer(
            accelerator="cpu",
            devices=1,
            max_epochs=settings["epochs"],
            min_epochs=settings["epochs"],
            deterministic=True,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
            logger=False,
            callbacks=[Clock()],
        )

    model = SASRecModel(**settings, get_trainer_func=trainer)
    model.fit(ratings_of(path))
    (clock,) = (one for one in model.fit_trainer.callbacks if isinstance(one, Clock))
    print(json.dumps({"epoch_s": clock.seconds, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
