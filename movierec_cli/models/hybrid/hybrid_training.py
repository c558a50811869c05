"""Train a hybrid: towers that read histories, weights from item to item, and how much these count.

A score is the towers' mean q · m + bias, and strength Σ weights from the user's movies. The halves are fitted
apart: weights have seen the very ratings that they score, and a training on top of them would trust them too
much. The penalty of the weights, each tower's epoch and the strength of the mean are chosen on validation, an
epoch by how good the sum is. (Hansen & Salamon 1990, "Neural Network Ensembles".)
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from movierec_cli.config import Monitor, SplitKind
from movierec_cli.data.dataset import Dataset
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.evaluation.metrics import VALIDATION_K, PerUser, ndcg_of_users, top_k
from movierec_cli.evaluation.queries import GroupedQueries, Targets
from movierec_cli.evaluation.ranks import RanksByMode, ScoreBlock, block_queries, map_blocks
from movierec_cli.models.baselines.baseline import Kept, TrainingRatings
from movierec_cli.models.baselines.ease import L2
from movierec_cli.models.baselines.fit_baseline import climb, kept_parts
from movierec_cli.models.feature_encodings import Rows, fit_features
from movierec_cli.models.hybrid.item_evidence import ItemEvidence, Matrix
from movierec_cli.models.hybrid.members import n_members, of_members
from movierec_cli.models.hybrid.tower_mean import mean_of
from movierec_cli.models.trained import FitResult, Fitted, Fitting, Validation
from movierec_cli.models.two_tower.query_batches import GroupedInteractions, group_interactions
from movierec_cli.models.two_tower.tower_fitting import fit
from movierec_cli.models.two_tower.tower_training import (
    Prepared,
    fitted_run,
    learned_by,
    prepare,
    trained_on_all,
    with_validation,
)
from movierec_cli.records import dataclass
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.registry.store import Run

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

STRENGTHS = (0.0, 2.5, 5.0, 10.0, 20.0, 40.0)
"""What the strength is chosen from: weights' scores are near 0 and 1, the towers' are logarithms."""
USUAL = dict.fromkeys(SplitKind, 10.0) | {SplitKind.TEMPORAL: 2.5}
"""The best on held-out parts of the training ratings of 100K and 1M, and for a temporal split on the months
before 1M's test set: NDCG@10 of four towers with 0, 2.5, 5, 10, 20 and 40 is .1284, .1348, .1329, .1328,
.1315 and .1324 there, the mean of three cuts.

On a few thousand validation ratings NDCG differs by chance more than strengths do, so another is taken only
where it is better by more than one standard error of the difference; and of the epochs the last that is not
worse by more, as on held-out parts NDCG rises to the last of 140."""
AVERAGED_EPOCHS = 15.0
"""Of 5, 15 and 30 the best on held-out parts of the training ratings of 100K."""
MAX_KEPT_SCORES = 2**26  # of the weights, while epochs are validated; 256 MB

_Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Hybrid:
    """Both halves and the strength, as evaluation sees them."""

    members: Sequence[Prepared]
    part: TrainingRatings  # that the weights were fitted to
    weights: Matrix | csr_matrix  # [n_movies, n_movies]
    strength: float

    @property
    def dataset(self) -> Dataset:
        """Of all of them."""
        return self.members[0].dataset

    @property
    def rows(self) -> Rows:
        """The ratings that both halves were fitted to."""
        return self.members[0].rows

    def group_queries(self, targets: Targets) -> GroupedQueries:
        """The towers' queries, with the sum as scores."""
        each = [one.group_queries(targets) for one in self.members]
        users, of_towers = each[0].user_index, mean_block([one.score_block for one in each])
        return replace(
            each[0],
            score_block=lambda rows: (
                of_towers(rows) + self.strength * of_weights(self.part, self.weights, users[rows])
            ),
        )


def mean_block(blocks: Sequence[ScoreBlock]) -> ScoreBlock:
    """The mean of several scores of the same queries."""
    if len(blocks) == 1:
        return blocks[0]
    return lambda rows: reduce(np.add, (block(rows) for block in blocks)) / np.float32(len(blocks))


def of_weights(
    part: TrainingRatings, weights: Matrix | csr_matrix, users: npt.NDArray[np.integer]
) -> npt.NDArray[np.float32]:
    """The sums of weights from the movies of users [b]: [b, n_movies]."""
    scores = part.matrix[users] @ weights
    summed: npt.NDArray[np.float32] = scores if isinstance(scores, np.ndarray) else scores.toarray()
    return summed


class _Choice:
    """The validation ratings, and what is chosen on them."""

    def __init__(self, towers: Prepared, rows: Rows, monitor: Monitor, usual: float):
        self._towers = towers
        self._evaluated: GroupedInteractions = group_interactions(towers.dataset, rows, towers.vocabularies)
        self._rows, self._lists = rows, towers.lists(self._evaluated)
        self._monitor = monitor
        self._usual = STRENGTHS.index(usual)
        self._of_members: list[ScoreBlock] = []

    def penalty(self, evidence: ItemEvidence) -> float:
        """The best one for weights alone."""

        def height(place: int) -> float:
            weights = evidence.weights(L2[place], draft=True)
            return float(self._ndcg(self._ranks(self._block_of(evidence.part, weights))).mean())

        return L2[climb(height, L2.index(800.0), len(L2))]

    def weights_are(self, part: TrainingRatings, weights: Matrix | csr_matrix) -> None:
        """From here on these are added."""
        block, n_queries = self._block_of(part, weights), len(self._evaluated.queries)
        if n_queries * part.n_movies <= MAX_KEPT_SCORES:
            kept = np.concatenate(map_blocks(block, n_queries, block_queries(part.n_movies)))
            block = kept.__getitem__
        self._of_weights = block

    def validated(self, member: Prepared) -> Validation:
        """What validation shows of one of the towers as it is, with the usual strength."""
        ranks = self._ranks(self._added(member.score_block(self._evaluated.queries), self._usual))
        of_users, found = self._ndcg(ranks), top_k(ranks, self._lists)
        ndcg = float(of_users.mean())
        if self._monitor is Monitor.RECALL:
            return Validation(found.recall[VALIDATION_K], found, ndcg=ndcg)
        return Validation(ndcg, found, ndcg=ndcg, of_users=of_users)

    def keep(self, member: Prepared) -> None:
        """Takes one of the towers as it is into the mean."""
        self._of_members.append(member.score_block(self._evaluated.queries))

    def strength(self) -> float:
        """The one that suits the mean of those that are kept."""
        usual = self._ndcg(self._ranks(self._sum(self._usual)))

        def height(place: int) -> float:
            gain = self._ndcg(self._ranks(self._sum(place))) - usual
            error = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
            return 0.0 if place == self._usual else float(gain.mean() - error)

        return STRENGTHS[climb(height, self._usual, len(STRENGTHS))]

    def _sum(self, place: int) -> ScoreBlock:
        return self._added(mean_block(self._of_members), place)

    def _added(self, of_towers: ScoreBlock, place: int) -> ScoreBlock:
        return lambda rows: of_towers(rows) + np.float32(STRENGTHS[place]) * self._of_weights(rows)

    def _ndcg(self, ranks: RanksByMode) -> PerUser:
        return ndcg_of_users(ranks.unseen, self._lists)

    def _block_of(self, part: TrainingRatings, weights: Matrix | csr_matrix) -> ScoreBlock:
        users = self._evaluated.queries.user_index
        return lambda rows: of_weights(part, weights, users[rows])

    def _ranks(self, block: ScoreBlock) -> RanksByMode:
        return self._towers.ranks(block, self._evaluated, self._rows)


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
    members = [fitting] if fitting.only_validated else _members(fitting)
    first = prepare(dataset, split.train, members[0].config, vocabularies)
    monitor, usual = config.training.monitor or Monitor.NDCG, USUAL[config.split.kind]
    choice = _Choice(first, fitting.evaluated_rows(first.seen), monitor, usual)
    started = time.perf_counter()
    evidence = ItemEvidence(TrainingRatings.of(dataset, split.train))
    l2 = choice.penalty(evidence)
    choice.weights_are(evidence.part, evidence.weights(l2))
    weights_s = time.perf_counter() - started
    chosen, results = [first], list[FitResult]()
    for one in _told(members):
        if results:
            chosen.append(prepare(dataset, split.train, one.config, vocabularies))
        results.append(_fit(one, chosen[-1], choice))
    if fitting.only_validated:
        return Fitted.only_validated(results[0])
    strength = choice.strength()
    del choice, first
    results[0] = replace(results[0], training_s=results[0].training_s + weights_s)
    kept = [
        with_validation(one, [chosen.pop(0)], vocabularies, result, AVERAGED_EPOCHS)
        for one, result in zip(_told(members), results, strict=True)
    ]
    hybrid = _hybrid([one for one, _ in kept], l2, strength)
    outcome = evaluate(dataset, hybrid.rows, split.test, hybrid, is_successive=split.is_successive)
    tested = RunParts(outcome=outcome)
    fitted = mean_of([fitted_run(one, vocabularies, result, tested) for one, result in kept])
    return _with_weights(fitted, hybrid, l2)


def _members(fitting: Fitting) -> list[Fitting]:
    """What is to be fitted of each of the towers."""
    n = n_members(fitting.config, len(fitting.split.train))
    return [replace(fitting, config=config) for config in of_members(fitting.config, n)]


def _told(members: Sequence[Fitting]) -> Iterator[Fitting]:
    """Each of the towers; where there are several, their observer is told which is next."""
    for place, one in enumerate(members, 1):
        if len(members) > 1:
            one.observer.member_started(place, len(members))
        yield one


def _fit(member: Fitting, towers: Prepared, choice: _Choice) -> FitResult:
    """Trains one of the towers to its best epoch, and takes it into the mean."""
    training, validate = member.config.training, partial(choice.validated, towers)
    assert training is not None
    result = fit(towers.model, training, validate, member.observer, AVERAGED_EPOCHS)
    choice.keep(towers)
    return result


def _fit_on_all(fitting: Fitting, judged: Run) -> Fitted:
    members, learned, chosen = _members(fitting), learned_by(judged), judged.record.settings
    each = len(learned) // len(members)
    kept = [
        trained_on_all(one, learned[place * each :][:each], AVERAGED_EPOCHS)
        for place, one in enumerate(_told(members))
    ]
    hybrid = _hybrid([towers for towers, _, _ in kept], chosen["l2"], chosen["strength"])
    fitted = mean_of([fitted_run(*one, RunParts()) for one in kept])
    return _with_weights(fitted, hybrid, chosen["l2"])


def _hybrid(members: Sequence[Prepared], l2: float, strength: float) -> Hybrid:
    """The towers with weights that are fitted to the same ratings."""
    part = TrainingRatings.of(members[0].dataset, members[0].rows)
    return Hybrid(members, part, ItemEvidence(part).weights(l2), strength)


def _with_weights(fitted: Fitted, hybrid: Hybrid, l2: float) -> Fitted:
    """Adds the weights, times the strength, and the histories that they are summed over."""
    weighed = np.float32(hybrid.strength) * hybrid.weights
    own = kept_parts(hybrid.dataset, hybrid.rows, Kept(hybrid.part.popularity, weights=weighed))
    n_weights = weighed.size if isinstance(weighed, np.ndarray) else weighed.nnz
    results = fitted.results | {
        "settings": {"l2": l2, "strength": hybrid.strength, "members": float(len(hybrid.members))},
        "n_parameters": fitted.results["n_parameters"] + n_weights,
    }
    parts = replace(fitted.parts, histories=own.histories, item_weights=own.item_weights)
    return Fitted(results, parts)
