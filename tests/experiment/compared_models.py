"""Models as a comparison hands them to the sentences."""

from movierec_cli.evaluation.significance import Interval
from movierec_cli.experiment.study import ComparedModel
from movierec_cli.registry.record import RunConfig
from tests.saved_runs import run_record, top_k

HEADLINE = "recall@100"


def interval(mean: float, half: float) -> Interval:
    return Interval(mean, mean - half, mean + half)


def compared(
    config: RunConfig, mean: float, *, half: float = 0.01, n_seeds: int = 1, metric: str = HEADLINE
) -> ComparedModel:
    """A model by its configuration and one metric, whose interval reaches `half` each way."""
    return ComparedModel(
        label=config.label,
        family=config.family,
        feature_set=config.feature_set,
        records=(run_record(config=config),) * n_seeds,
        top_k=top_k(mean),
        metrics={metric: interval(mean, half)},
        beyond={},
    )
