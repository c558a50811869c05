"""Training from Python: the options of `movierec train` as keywords."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from movierec_cli.api.comparing import LoggingObserver
from movierec_cli.api.keywords import TrainKeywords
from movierec_cli.api.saved_run import SavedRun
from movierec_cli.api.study_result import StudyResult
from movierec_cli.config import (
    DataConfig,
    SequenceConfig,
    SplitConfig,
    TowerConfig,
    TrainerConfig,
    TrainingConfig,
)
from movierec_cli.config.command_options import command_of
from movierec_cli.config.config_file import read_config, write_config
from movierec_cli.config.train_options import (
    OPTIONS,
    Given,
    Judging,
    Logs,
    Shown,
    Workers,
    beside,
    options_of,
    read_options,
)
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.frames import Frames
from movierec_cli.errors import UsageError
from movierec_cli.experiment.loading import load_source
from movierec_cli.experiment.request import TrainRequest
from movierec_cli.models.observer import TrainingObserver

if TYPE_CHECKING:
    from narwhals.typing import IntoFrame

Config = DataConfig | SplitConfig | TowerConfig | SequenceConfig | TrainingConfig | TrainerConfig
_PARTS: Mapping[type, str] = {
    DataConfig: "data",
    SplitConfig: "split",
    TowerConfig: "model",
    SequenceConfig: "model",
    TrainingConfig: "training",
}
"""The field of `TrainerConfig` that a configuration is."""


class MovieLensTrainer:
    """A study: a model for each feature set, trained or loaded, and the baselines.

    Args:
        configs: configurations, whole: what one says is not given as a keyword as well.
        dataset: the name of a data set, as "100k" or "sample"; or a data frame with a rating in each row.
        items: beside such a frame, one of the items.
        users: beside such a frame, one of the users.
        name: what the data set of frames is called.
        config: a file of options, as of `movierec train --config`; keywords win.
        observer: told of the progress; without one, warnings and notes go to the log "movierec_cli".
        options: every option of `movierec train`, by its name, such as
            `feature_sets=[None, ["timestamp", "movie_genres"]]`, `num_epochs=20`, `seeds=3`.

    Raises:
        UsageError: an option is unknown or wrong, in the words of the command line.
    """

    def __init__(
        self,
        *configs: Config,
        dataset: str | IntoFrame | None = None,
        items: IntoFrame | None = None,
        users: IntoFrame | None = None,
        name: str = "frame",
        config: str | Path | None = None,
        observer: TrainingObserver | None = None,
        **options: Unpack[TrainKeywords],
    ) -> None:
        named = dataset if isinstance(dataset, str) else None
        self._frames = frames_of(None if named is not None else dataset, items, users, name)
        given = read_options({"dataset": named, **options})
        self._given = given if config is None else beside(read_config(Path(config)), given)
        if self._frames is not None:
            refuse_other_data(self._given)
        self._configs = configs
        self._observer = observer or LoggingObserver()
        self._request = _request(self._given, configs, is_command=self._frames is None and not configs)

    @property
    def config(self) -> TrainerConfig:
        """Everything that decides what is trained."""
        return self._request.config

    @cached_property
    def data(self) -> Dataset:
        """The data set, loaded at the first look.

        Raises:
            MovierecError: it cannot be had or read.
        """
        read = None if self._frames is None else self._frames.read
        return load_source(self.config.data, self._observer, feature_sets=self.config.widest_sets, read=read)

    def run(self) -> StudyResult:
        """Trains or loads each model, evaluates and compares them, as `movierec train` does.

        Raises:
            MovierecError: the data cannot be had, lack a feature or cannot be split; a training diverged; or
                a saved model's folder is damaged.
        """
        shown = self._request.shown
        trained = self._request.train(self._observer, self.data)
        runs = tuple(SavedRun(run, self.data) for run in trained.runs)
        deployed = None if trained.deployed is None else SavedRun(trained.deployed, self.data)
        result = StudyResult(trained.study, runs, deployed, shown.details)
        if "output" in self._given or shown.open_page:
            page = result.write_page(shown.output)
            if shown.open_page:
                import webbrowser

                webbrowser.open(page.as_uri())
        return result

    def write_config(self, file: str | Path) -> None:
        """Writes the options as a file for `movierec train --config`, or for `config`.

        Raises:
            UsageError: they are not all options, as data frames and configurations are none.
            MovierecError: it cannot be written.
        """
        if self._frames is not None or self._configs:
            raise UsageError(
                "data frames and configurations cannot be written as options; name options alone"
            )
        write_config(self._given, Path(file))


def frames_of(ratings: Any, items: Any, users: Any, name: str) -> Frames | None:
    """Data frames as a source of ratings; None where there is none. Raises a `UsageError` for parts alone."""
    if ratings is None:
        for table, given in (("items", items), ("users", users)):
            if given is not None:
                raise UsageError(f"{table} is a data frame beside no ratings; give these as dataset")
        return None
    return Frames(ratings, items, users, name)


def refuse_other_data(given: Given) -> None:
    """Refuses options that name data beside data frames. Raises a `UsageError`."""
    for name in ("dataset", "archive", "test", "validation"):
        if name in given:
            raise UsageError(f"--{name} has no effect here: the data set is a data frame; give one of them")


def _request(given: Given, configs: tuple[Config, ...], *, is_command: bool) -> TrainRequest:
    parts: dict[str, Any] = {"command": command_of(given)} if is_command else {}
    for one in configs:
        kind = type(one)
        if kind is TrainerConfig:
            parts |= vars(one)
        elif kind in _PARTS:
            parts[_PARTS[kind]] = one
        else:
            raise UsageError(f"a {kind.__name__} is no configuration; options are given by their names")
        _refuse_twice(given, kind)
    return TrainRequest.of(given, **parts)


def _refuse_twice(given: Given, kind: type) -> None:
    """Refuses an option of which a whole configuration says the value."""
    for name in given:
        is_of_all = kind is TrainerConfig and OPTIONS[name].owner not in (Judging, Shown, Logs, Workers)
        if is_of_all or name in options_of(kind):
            raise UsageError(f"--{name} is given beside a {kind.__name__}, which has it; give one of them")
