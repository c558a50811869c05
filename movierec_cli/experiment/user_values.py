"""What a run did for each user, by metric, and for the users of each segment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from movierec_cli.evaluation.metrics import PerUser, metric_values
from movierec_cli.evaluation.outcome import Outcome
from movierec_cli.experiment.selection import EvaluatedRun
from movierec_cli.records import dataclass

Targets = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class UserValues:
    """Of one run, by the metrics that it tells."""

    of_users: dict[str, PerUser]  # [n_users] of the outcome without cold targets
    of_segments: tuple[dict[str, float], ...]  # the means over a segment's users; empty where there are none

    @classmethod
    def of(cls, one: EvaluatedRun, metrics: Iterable[str], segments: Sequence[Targets]) -> UserValues:
        """What a run did.

        Args:
            one: the run.
            metrics: their names.
            segments: which test ratings each has, [n_targets].
        """
        names = [name for name in metrics if one.tells(name)]
        in_order, order = one.outcome.in_list_order()
        of_all = {name: metric_values(in_order, name) for name in names}
        of_segments = tuple(_means(in_order, targets[order], of_all) for targets in segments)
        if not in_order.is_successive:
            return cls({name: of_all[name][~one.outcome.is_cold] for name in names}, of_segments)
        return cls({name: metric_values(in_order.warm, name) for name in names}, of_segments)


def _means(outcome: Outcome, targets: Targets, of_users: dict[str, PerUser]) -> dict[str, float]:
    """The means over the users who have some of the targets, as if those were all that there are."""
    n_all = np.bincount(outcome.user_place)
    n_own = np.bincount(outcome.user_place[targets], minlength=len(n_all))
    has_some = n_own > 0
    if not has_some.any():
        return {}
    if not outcome.is_successive and np.array_equal(
        n_own[has_some], n_all[has_some]
    ):  # a segment of users, whose values are known
        return {name: float(np.mean(values[has_some])) for name, values in of_users.items()}
    part = outcome.of_targets(targets)
    return {name: float(np.mean(metric_values(part, name))) for name in of_users}
