"""Options of a training, from wherever they come, to what the main job is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from movierec_cli.config import TrainerConfig
from movierec_cli.config.filled_settings import trainer_config
from movierec_cli.config.option_values import each_set_once
from movierec_cli.config.presets import Preset
from movierec_cli.config.train_options import Given, Judging, Logs, Shown, Workers, part_of
from movierec_cli.data.dataset import Dataset
from movierec_cli.evaluation.metrics import deciding_metric
from movierec_cli.experiment import main_job
from movierec_cli.experiment.main_job import ListRequest, Trained
from movierec_cli.experiment.starting import parts_from
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.recommend.recommend import check_rank_by
from movierec_cli.records import dataclass
from movierec_cli.runners.open_runner import open_runner
from movierec_cli.training_logs.open_logs import with_logs


@dataclass(frozen=True, kw_only=True)
class TrainRequest:
    """A training and what is made of it.

    Attributes:
        config: what is trained.
        judging: what decides, and at which k.
        shown: the users' lists, and where the page goes.
        logs: where the trainings are logged.
        workers: where they take place.
        preset: what the settings began with.
    """

    config: TrainerConfig
    judging: Judging
    shown: Shown
    logs: Logs
    workers: Workers
    preset: Preset | None = None

    @classmethod
    def of(cls, given: Given, **parts: Any) -> TrainRequest:
        """What these options ask for.

        Args:
            given: by option.
            parts: fields of `TrainerConfig` in place of what the options make of them, such as `command`.

        Raises:
            UsageError: an option has no effect or no meaning beside the others, or a wrong value.
        """
        if given.get("start_from") is not None:
            parts = parts_from(given) | parts
            given = given | {"family": parts["family"]}
        config = trainer_config(given, **parts)
        request = cls(
            config=config,
            judging=part_of(Judging, given),
            shown=part_of(Shown, given),
            logs=part_of(Logs, given),
            workers=part_of(Workers, given),
            preset=given.get("preset"),
        )
        if request.judging.metric is not None:
            deciding_metric(request.judging.metric)
        check_rank_by(request.shown.rank_by, config.tasks)
        return request

    def train(self, observer: TrainingObserver | None = None, source: Dataset | None = None) -> Trained:
        """Does it; see `main_job.train`.

        Args:
            observer: told of the progress.
            source: the data set, where it is no file's.

        Raises:
            MovierecError: as `main_job.train`; or a log or the cluster cannot be used, or lacks
                its package.
        """
        shown, metric = self.shown, self.judging.metric
        users = () if shown.user_id is None else (shown.user_id,)
        listener = with_logs(observer or TrainingObserver(), self.logs)
        return main_job.train(
            replace(self.config, feature_sets=each_set_once(self.config.feature_sets, listener.noted)),
            listener,
            ks=self.judging.top_k,
            metric=None if metric is None else deciding_metric(metric),
            lists=ListRequest(users, shown.include_seen, shown.rank_by),
            source=source,
            runner=open_runner(self.workers.jobs, self.workers.cluster),
        )
