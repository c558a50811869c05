"""Models as a comparison hands them to the sentences."""

from collections.abc import Mapping

from movierec_cli.evaluation.significance import Interval, PairedDifference
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


def differences(means: Mapping[str, float], half: float) -> list[PairedDifference]:
    """Of every pair, the later one first, as when a set has more features; a p that fits the interval."""
    labels = list(means)
    found = []
    for place, a in enumerate(labels):
        for b in labels[place + 1 :]:
            mean = means[b] - means[a]
            p = (0.0001, 0.001) if abs(mean) > half else (0.2, 0.4)
            found.append(PairedDifference(b, a, interval(mean, half), *p))
    return found
