"""Train a hybrid: a tower that reads histories, weights from item to item, and how much these count.

A score is q · m + bias + strength Σ weights from the user's movies. The halves are fitted apart: weights have
seen the very ratings that they score, and a training on top of them would trust them too much. The penalty of
the weights, the towers' epoch and the strength are chosen on validation, the last two together: an epoch is
as good as the sum is with the strength that suits it best.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Monitor
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.evaluation.metrics import VALIDATION_K, mean_ndcg, top_k
from movierec_cli.evaluation.queries import GroupedQueries, Targets
from movierec_cli.evaluation.ranks import BLOCK_QUERIES, ScoreBlock, map_blocks, rank_positives
from movierec_cli.models.baselines.baseline import Kept, TrainingRatings
from movierec_cli.models.baselines.ease import L2
from movierec_cli.models.baselines.fit_baseline import climb, kept_parts
from movierec_cli.models.feature_encodings import Rows, fit_features
from movierec_cli.models.hybrid.item_evidence import ItemEvidence, Matrix
from movierec_cli.models.trained import Fitted, Fitting, Validation
from movierec_cli.models.two_tower.query_batches import GroupedInteractions, group_interactions
from movierec_cli.models.two_tower.tower_fitting import fit
from movierec_cli.models.two_tower.tower_training import (
    Prepared,
    fitted_run,
    prepare,
    trained_on_all,
    with_validation,
)
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.registry.store import Run

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

STRENGTHS = (0.0, 1.25, 2.5, 5.0, 7.5, 10.0, 15.0, 20.0, 40.0, 80.0)
"""What the strength is chosen from: EASE's scores are near 0 and 1, the towers' are logarithms."""
MAX_KEPT_SCORES = 2**26  # of the weights, while epochs are validated; 256 MB

_Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Hybrid:
    """Both halves and the strength, as evaluation sees them."""

    towers: Prepared
    part: TrainingRatings  # that the weights were fitted to
    weights: Matrix | csr_matrix  # [n_movies, n_movies]
    strength: float

    def group_queries(self, targets: Targets) -> GroupedQueries:
        """The towers' queries, with the sum as scores."""
        queries = self.towers.group_queries(targets)
        users, of_towers = queries.user_index, queries.score_block
        return replace(
            queries,
            score_block=lambda rows: (
                of_towers(rows) + self.strength * of_weights(self.part, self.weights, users[rows])
            ),
        )


def of_weights(
    part: TrainingRatings, weights: Matrix | csr_matrix, users: npt.NDArray[np.integer]
) -> npt.NDArray[np.float32]:
    """The sums of weights from the movies of users [b]: [b, n_movies]."""
    scores = part.matrix[users] @ weights
    summed: npt.NDArray[np.float32] = scores if isinstance(scores, np.ndarray) else scores.toarray()
    return summed


class _Choice:
    """The validation ratings, and what is chosen on them."""

    def __init__(self, towers: Prepared, rows: Rows, monitor: Monitor):
        self._towers = towers
        self._evaluated: GroupedInteractions = group_interactions(towers.dataset, rows, towers.vocabularies)
        self._monitor = monitor

    def penalty(self, evidence: ItemEvidence) -> float:
        """The best one for weights alone."""

        def height(place: int) -> float:
            weights = evidence.weights(L2[place], draft=True)
            return self._validated(self._block_of(evidence.part, weights)).score

        return L2[climb(height, L2.index(800.0), len(L2))]

    def weights_are(self, part: TrainingRatings, weights: Matrix | csr_matrix) -> None:
        """From here on these are added."""
        block, n_queries = self._block_of(part, weights), len(self._evaluated.queries)
        if n_queries * part.n_movies <= MAX_KEPT_SCORES:
            kept = np.concatenate(map_blocks(block, n_queries, BLOCK_QUERIES))
            block = kept.__getitem__
        self._of_weights = block

    def best(self) -> tuple[float, Validation]:
        """The strength that suits the towers as they are, and what validation shows of the sum."""
        of_towers = self._towers.score_block(self._evaluated.queries)
        found: dict[int, Validation] = {}

        def height(place: int) -> float:
            strength = STRENGTHS[place]
            found[place] = self._validated(lambda rows: of_towers(rows) + strength * self._of_weights(rows))
            return found[place].score

        place = climb(height, STRENGTHS.index(10.0), len(STRENGTHS))
        return STRENGTHS[place], found[place]

    def _block_of(self, part: TrainingRatings, weights: Matrix | csr_matrix) -> ScoreBlock:
        users = self._evaluated.queries.user_index
        return lambda rows: of_weights(part, weights, users[rows])

    def _validated(self, block: Callable[[_Places], npt.NDArray[np.float32]]) -> Validation:
        owners, positives = self._evaluated.queries.user_index, self._evaluated.positives
        ranks = rank_positives(block, positives, owners, self._towers.seen)
        users = np.repeat(owners, positives.lengths)
        found, ndcg = top_k(ranks, users), mean_ndcg(ranks.unseen, users)
        score = found.recall[VALIDATION_K] if self._monitor is Monitor.RECALL else ndcg
        return Validation(score, found, ndcg=ndcg)


def fit_run(fitting: Fitting) -> Fitted:
    """Trains one feature set's hybrid; a judged run is trained on with all ratings.

    Raises:
        MovierecError: a feature cannot be fitted, or training diverged.
    """
    if fitting.judged is not None:
        return _fit_on_all(fitting, fitting.judged)
    dataset, split, config = fitting.dataset, fitting.split, fitting.config
    assert config.training is not None  # the family is trained
    vocabularies = fit_features(dataset, split.train, config.feature_set)
    kept = prepare(dataset, split.train, config, vocabularies)
    choice = _Choice(kept, fitting.evaluated_rows(kept.seen), config.training.monitor or Monitor.NDCG)
    started = time.perf_counter()
    evidence = ItemEvidence(TrainingRatings.of(dataset, split.train))
    l2 = choice.penalty(evidence)
    choice.weights_are(evidence.part, evidence.weights(l2))
    weights_s = time.perf_counter() - started
    result = fit(kept.model, config.training, lambda: choice.best()[1], fitting.observer)
    strength, _ = choice.best()
    kept, result = with_validation(fitting, kept, vocabularies, result)
    hybrid = _hybrid(kept, l2, strength)
    result = replace(result, training_s=result.training_s + weights_s)
    tested = RunParts(outcome=evaluate(dataset, kept.rows, split.test, hybrid))
    return _with_weights(fitted_run(kept, vocabularies, result, tested), hybrid, l2)


def _fit_on_all(fitting: Fitting, judged: Run) -> Fitted:
    kept, vocabularies, result = trained_on_all(fitting, judged)
    chosen = judged.record.settings
    hybrid = _hybrid(kept, chosen["l2"], chosen["strength"])
    return _with_weights(fitted_run(kept, vocabularies, result, RunParts()), hybrid, chosen["l2"])


def _hybrid(towers: Prepared, l2: float, strength: float) -> Hybrid:
    """The towers with weights that are fitted to the same ratings."""
    part = TrainingRatings.of(towers.dataset, towers.rows)
    return Hybrid(towers, part, ItemEvidence(part).weights(l2), strength)


def _with_weights(fitted: Fitted, hybrid: Hybrid, l2: float) -> Fitted:
    """Adds the weights, times the strength, and the histories that they are summed over."""
    weighed = np.float32(hybrid.strength) * hybrid.weights
    own = kept_parts(hybrid.towers.dataset, hybrid.towers.rows, Kept(hybrid.part.popularity, weights=weighed))
    n_weights = weighed.size if isinstance(weighed, np.ndarray) else weighed.nnz
    results = fitted.results | {
        "settings": {"l2": l2, "strength": hybrid.strength},
        "n_parameters": fitted.results["n_parameters"] + n_weights,
    }
    parts = replace(fitted.parts, histories=own.histories, item_weights=own.item_weights)
    return Fitted(results, parts)
