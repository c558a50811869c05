"""Options of `train` that say which tasks a model learns."""

from collections.abc import Sequence
from functools import partial

from movierec_cli.config.families import RATING_BASELINES, Family
from movierec_cli.config.option_values import shown
from movierec_cli.config.setting import setting
from movierec_cli.config.settings import Task, TaskWeights
from movierec_cli.errors import UsageError
from movierec_cli.records import dataclass

BOTH_TASKS = "--tasks retrieval rating"


_task = partial(setting, None, panel="Tasks")


@dataclass(frozen=True)
class TaskRequest:
    """The options as they are given, None for what is not; see `with_option_groups`."""

    tasks: tuple[Task, ...] | None = _task(
        "What each model learns: retrieval (which movies a user will watch), rating (how many stars a user"
        " will give), or both.",
        "TASK...",
        default_shown=Task.RETRIEVAL.value,
    )
    retrieval_weight: tuple[float, ...] | None = _task(
        "Weight of the retrieval loss; 0 switches it off.",
        "WEIGHT...",
        default_shown=f"{TaskWeights.retrieval:g}",
    )
    rating_weight: tuple[float, ...] | None = _task(
        "Weight of the rating loss; 0 switches it off. Each of several weights gives a model. A weight"
        " without --tasks means both tasks.",
        "WEIGHT...",
        default_shown=f"{TaskWeights.rating:g}",
    )
    rating_baselines: tuple[Family, ...] | None = _task(
        f"Baselines of predicted ratings: {', '.join(RATING_BASELINES)}, or all, or None.",
        "NAME...",
        default_shown="all",
    )

    @property
    def is_given(self) -> bool:
        """Whether any option says what is learned."""
        return any(one is not None for one in (self.tasks, self.retrieval_weight, self.rating_weight))

    def weights(self) -> tuple[TaskWeights, ...]:
        """Every combination of the weights, each once; none for a model that only ranks.

        Weights mean both tasks where the tasks are not named. Where both are 0 nothing would be learned;
        among others that combination is left out.

        Raises:
            UsageError: a task or weight is wrong, or a weight is given whose task is not named.
        """
        tasks = self._named()
        self._check(tasks)
        if Task.RATING not in tasks:
            return ()
        of_retrieval = self._of(Task.RETRIEVAL) if Task.RETRIEVAL in tasks else (0.0,)
        pairs = [(retrieval, rating) for retrieval in of_retrieval for rating in self._of(Task.RATING)]
        kept = [pair for pair in pairs if any(pair)] or pairs
        return tuple(
            dict.fromkeys(TaskWeights(retrieval=retrieval, rating=rating) for retrieval, rating in kept)
        )

    def baselines(self, weights: tuple[TaskWeights, ...]) -> tuple[Family, ...]:
        """The baselines of the ratings that models with these weights predict.

        Raises:
            UsageError: a name is wrong, or no ratings are predicted.
        """
        if self.rating_baselines is None:
            return RATING_BASELINES
        if not weights:
            raise UsageError(
                f"--rating_baselines is '{shown(self.rating_baselines)}', but no model predicts ratings; add"
                f" {BOTH_TASKS}"
            )
        return self.rating_baselines

    def _named(self) -> set[Task]:
        if self.tasks is not None:
            return set(self.tasks)
        is_weighed = self.retrieval_weight is not None or self.rating_weight is not None
        return set(Task) if is_weighed else {Task.RETRIEVAL}

    def _check(self, tasks: set[Task]) -> None:
        """Refuses a weight of a task that is not learned, or of the only task."""
        for task in Task:
            given = getattr(self, f"{task}_weight")
            if given is not None and task not in tasks:
                raise UsageError(
                    f"--{task}_weight is {shown(given)}, but --tasks leaves {task} out; use {BOTH_TASKS}"
                )
        if tasks == {Task.RETRIEVAL} and self.retrieval_weight is not None:
            raise UsageError(
                f"--retrieval_weight is {shown(self.retrieval_weight)}, but retrieval is the only task, so"
                f" there is nothing to weigh it against; use {BOTH_TASKS}, or leave the weight out"
            )

    def _of(self, task: Task) -> Sequence[float]:
        given: Sequence[float] | None = getattr(self, f"{task}_weight")
        return [getattr(TaskWeights, task)] if given is None else given
