"""Train one model of two towers on a split: choose its epoch on validation, add validation, rank test.

The test set is looked at once, at the end, by the model that is kept.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import tensorflow as tf
import tf_keras

from movierec_cli.config import USER_HISTORY, Feature, Monitor, TowerConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import RaggedRows, movies_of_users
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.evaluation.metrics import VALIDATION_K, TopK, mean_ndcg, top_k
from movierec_cli.evaluation.queries import GroupedQueries, Targets
from movierec_cli.evaluation.ranks import ScoreBlock, rank_positives
from movierec_cli.evaluation.ratings import RatingOutcome, rating_errors
from movierec_cli.models.feature_encodings import Rows, Vocabulary, fit_features
from movierec_cli.models.rating.evidence import Evidence
from movierec_cli.models.rating.multi_task import MultiTaskModel, rating_head, rating_outcome
from movierec_cli.models.rating.rating_batches import RatedPairs, rated_batches
from movierec_cli.models.trained import FitResult, Fitted, Fitting, Validation, run_artifacts
from movierec_cli.models.two_tower.objectives import objective_of
from movierec_cli.models.two_tower.query_batches import (
    GroupedInteractions,
    Queries,
    group_interactions,
    last_queries,
    unique_queries,
)
from movierec_cli.models.two_tower.tower_fitting import assign_weights, fit, fit_epochs
from movierec_cli.models.two_tower.two_tower import TwoTowerModel, tower_arrays
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.registry.store import Run
from movierec_cli.scoring.rating_head import RatingHead

REFIT_SHARE = 0.25  # of the epochs that validation chose
STARS_WORTH = 4.0
"""How much recall@100 one star of RMSE is worth where an epoch is chosen.

Recall still creeps up long after the stars have begun to overfit, and between models worth comparing it
differs several times as much as RMSE does.
"""


@dataclass(frozen=True)
class Prepared:
    """A new model with the training set it is for."""

    dataset: Dataset
    rows: Rows
    vocabularies: dict[Feature, Vocabulary]
    seen: RaggedRows  # each user's training movies
    model: TwoTowerModel
    monitor: Monitor | None  # what chooses the epoch, where it is named

    def validation(self, rows: Rows) -> Callable[[], Validation]:
        """What tells how well the model, as it is then, does on the ratings at `rows`."""
        evaluated = group_interactions(self.dataset, rows, self.vocabularies)

        def validate() -> Validation:
            top_k, ndcg = self.accuracy(evaluated)
            score = ndcg if self.monitor is Monitor.NDCG else top_k.recall[VALIDATION_K]
            return Validation(score, top_k, ndcg=ndcg)

        return validate

    def accuracy(self, evaluated: GroupedInteractions) -> tuple[TopK, float]:
        """Exact top-k accuracy and NDCG of the model as it is."""
        owners = evaluated.queries.user_index
        block = self._score_block(evaluated.queries)
        ranks = rank_positives(block, evaluated.positives, owners, self.seen)
        users = np.repeat(owners, evaluated.positives.lengths)
        return top_k(ranks, users), mean_ndcg(ranks.unseen, users)

    def group_queries(self, targets: Targets) -> GroupedQueries:
        """The different queries among pairs of a user and a time, with the model as it is."""
        queries, query_of = unique_queries(targets.user_index, targets.seconds, self.vocabularies)
        return GroupedQueries(queries.user_index, query_of, self._score_block(queries))

    def _score_block(self, queries: Queries) -> ScoreBlock:
        of_movies = self.model.embed_movies()  # [n_movies, dim]
        of_queries = self.model.embed_queries(queries, self.seen)  # [n_queries, dim]
        return lambda rows: of_queries[rows] @ of_movies.T


@dataclass(frozen=True)
class PreparedForTwo(Prepared):
    """The same where the model has both tasks."""

    model: MultiTaskModel
    evidence: Evidence

    def validation(self, rows: Rows) -> Callable[[], Validation]:
        """What is monitored, else recall and RMSE together (`STARS_WORTH`) without a task of no weight."""
        pairs = self._pairs(rows)
        tasks = self.model.tasks

        def validate() -> Validation:
            top_k, ndcg = self.accuracy(pairs.interactions)
            errors = rating_errors(rating_outcome(self.model, self.dataset, rows, pairs, self.seen))
            score = top_k.recall[VALIDATION_K] if tasks.retrieval else 0.0
            if self.monitor is None:
                score -= STARS_WORTH * errors.rmse if tasks.rating else 0.0
            elif self.monitor is Monitor.NDCG:
                score = ndcg
            return Validation(score, top_k, errors, ndcg)

        return validate

    def rating_outcome(self, rows: Rows) -> RatingOutcome:
        """What the model as it is makes of the ratings at `rows`."""
        return rating_outcome(self.model, self.dataset, rows, self._pairs(rows), self.seen)

    def rating_head(self) -> RatingHead:
        """The model as it is, with every user at their last training rating."""
        users = last_queries(self.dataset, self.rows, self.vocabularies)
        return rating_head(self.model, self.evidence, users, self.seen)

    def _pairs(self, rows: Rows) -> RatedPairs:
        return RatedPairs.of_others(self.dataset, rows, self.evidence, self.vocabularies)


def fit_run(fitting: Fitting) -> Fitted:
    """Trains one feature set's model.

    Vocabularies, buckets and means are fitted on the train part alone. The model of the best epoch then
    trains on for a quarter as many epochs with the validation set added: that gains nearly all of what
    training anew on both would, in a quarter of the time. A judged run is trained on with all ratings.

    Raises:
        MovierecError: a feature cannot be fitted, or training diverged.
    """
    if fitting.judged is not None:
        return _fit_on_all(fitting, fitting.judged)
    dataset, split, config = fitting.dataset, fitting.split, fitting.config
    assert config.training is not None  # `prepare` checks the rest
    vocabularies = fit_features(dataset, split.train, config.feature_set)
    kept = prepare(dataset, split.train, config, vocabularies)
    validate = kept.validation(fitting.evaluated_rows(kept.seen))
    result = fit(kept.model, config.training, validate, fitting.observer)
    if config.training.refit:
        chosen = kept.model.trainable_variables
        kept = prepare(dataset, split.fit, config, vocabularies)
        assign_weights(kept.model.trainable_variables, [variable.numpy() for variable in chosen])
        num_epochs = math.ceil(result.best_epoch * REFIT_SHARE)
        fitting.observer.refit_started(num_epochs)
        refit_s = fit_epochs(kept.model, config.training, num_epochs, fitting.observer)
        result = replace(result, training_s=result.training_s + refit_s)
    tested = RunParts(
        outcome=evaluate(dataset, kept.rows, split.test, kept),
        rating_outcome=kept.rating_outcome(split.test) if isinstance(kept, PreparedForTwo) else None,
    )
    return _fitted(kept, vocabularies, result, tested)


def _fit_on_all(fitting: Fitting, judged: Run) -> Fitted:
    """Trains a judged run on with all ratings, see `Fitting.epochs_on_all`; its features stay as they are."""
    dataset, config = fitting.dataset, fitting.config
    assert config.training is not None
    vocabularies = fit_features(dataset, fitting.split.train, config.feature_set)
    kept = prepare(dataset, np.arange(len(dataset.ratings)), config, vocabularies)
    named = judged.artifacts.weights
    assign_weights(kept.model.weights, [named[name] for name in sorted(named)])
    n_epochs = fitting.epochs_on_all
    fitting.observer.refit_started(n_epochs)
    seconds = fit_epochs(kept.model, config.training, n_epochs, fitting.observer)
    return _fitted(kept, vocabularies, FitResult(training_s=seconds, epochs_run=n_epochs), RunParts())


def _fitted(
    kept: Prepared, vocabularies: dict[Feature, Vocabulary], result: FitResult, tested: RunParts
) -> Fitted:
    """The model as it is, with what it made of the test set."""
    dataset = kept.dataset
    users = last_queries(dataset, kept.rows, vocabularies)
    parts = replace(
        tested,
        artifacts=run_artifacts(
            dataset,
            vocabularies,
            weights=kept.model.named_weights(),
            users=kept.model.embed_queries(users, kept.seen),
            movies=kept.model.embed_movies(),
        ),
        towers=tower_arrays(kept.model, users, kept.seen),
        rating_head=kept.rating_head() if isinstance(kept, PreparedForTwo) else None,
    )
    n_parameters = sum(int(np.prod(variable.shape)) for variable in kept.model.weights)
    return Fitted.of(result, n_parameters, parts)


def prepare(
    dataset: Dataset, rows: Rows, config: RunConfig, vocabularies: dict[Feature, Vocabulary]
) -> Prepared:
    """Groups the training rows and makes an untrained model for them, seeded."""
    assert isinstance(config.model, TowerConfig) and config.training is not None  # the family has both
    tf_keras.utils.set_random_seed(config.training.seed)
    tf.config.experimental.enable_op_determinism()
    seen = movies_of_users(dataset, rows)
    training = config.training.resolved(config.split.kind)
    history = seen if USER_HISTORY in config.feature_set else None
    # The loss is a mean over interactions; the penalty is given against their sum.
    of_mean = replace(config.model, l2=config.model.l2 / len(rows))
    if config.tasks is not None:
        evidence = Evidence(dataset, rows)
        pairs = RatedPairs.of_training(dataset, evidence, vocabularies)
        batches = rated_batches(pairs, len(dataset.movies), training, history)
        model = MultiTaskModel(
            dataset, vocabularies, of_mean, batches, evidence.mean, config.tasks, training.seed
        )
        return PreparedForTwo(dataset, rows, vocabularies, seen, model, training.monitor, evidence)
    interactions = group_interactions(dataset, rows, vocabularies)
    objective = objective_of(interactions, len(dataset.movies), training, history)
    towers = TwoTowerModel(dataset, vocabularies, of_mean, objective, training.seed)
    return Prepared(dataset, rows, vocabularies, seen, towers, training.monitor)
