"""Train one model of two towers on a split: choose its epoch on validation, add validation, rank test.

The test set is looked at once, at the end, by the model that is kept.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras

from movierec_cli.config import USER_HISTORY, Feature, Monitor, TaskWeights, TowerConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import Earlier, RaggedRows, movies_of_users
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.evaluation.metrics import VALIDATION_K, TopK, lists_of, mean_ndcg, top_k
from movierec_cli.evaluation.queries import GroupedQueries, Targets
from movierec_cli.evaluation.ranks import RanksByMode, ScoreBlock, rank_positives
from movierec_cli.evaluation.ratings import RatingErrors, RatingOutcome, rating_errors
from movierec_cli.evaluation.successive_ranks import rank_successive
from movierec_cli.models.feature_encodings import Rows, Vocabulary
from movierec_cli.models.freed_memory import LARGE_TABLE, give_back_memory, keep_freed_memory
from movierec_cli.models.rating.evidence import Evidence
from movierec_cli.models.rating.multi_task import MultiTaskModel, rating_head, rating_outcome
from movierec_cli.models.rating.plain_multi_task import PlainMultiTaskModel
from movierec_cli.models.rating.rating_batches import RatedPairs, rated_batches
from movierec_cli.models.started import Start, features_of
from movierec_cli.models.trained import FitResult, Fitted, Fitting, Validation, run_artifacts
from movierec_cli.models.two_tower.cold_items import tell_cold_movies
from movierec_cli.models.two_tower.objectives import InBatchObjective, objective_of
from movierec_cli.models.two_tower.query_batches import (
    GroupedInteractions,
    Queries,
    group_interactions,
    last_queries,
    unique_queries,
)
from movierec_cli.models.two_tower.tower_fitting import (
    AVERAGED_EPOCHS,
    Weights,
    assign_weights,
    fit,
    fit_epochs,
)
from movierec_cli.models.two_tower.two_tower import TwoTowerModel, tower_arrays
from movierec_cli.records import dataclass
from movierec_cli.registry.record import RunConfig
from movierec_cli.registry.run_parts import RunParts
from movierec_cli.registry.store import Run
from movierec_cli.scoring.rating_head import RatingHead
from movierec_cli.storage.serialization import JSON

UNCUT_STARS = 1e6
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
    is_successive: bool  # whether ratings are asked for after what came before them

    @cached_property
    def earlier(self) -> Earlier | None:
        """What is masked of each rating's list; None where it is what its user has in training."""
        return Earlier.of(self.dataset) if self.is_successive else None

    def ranks(self, block: ScoreBlock, evaluated: GroupedInteractions, rows: Rows) -> RanksByMode:
        """Where positives stand, in the order of their queries.

        Args:
            block: scores of the queries.
            evaluated: queries and positives, those of the ratings at `rows`.
            rows: what was grouped.
        """
        owners, positives = evaluated.queries.user_index, evaluated.positives
        if self.earlier is None:
            return rank_positives(block, positives, owners, self.seen, len(self.dataset.movies))
        query_of = np.repeat(np.arange(len(owners)), positives.lengths)
        before = self.earlier.lists(self.dataset.ratings, rows[evaluated.order])
        queries = GroupedQueries(owners, query_of, block)
        return rank_successive(queries, positives.values, before, len(self.dataset.movies))

    def lists(self, evaluated: GroupedInteractions) -> npt.NDArray[np.int32]:
        """The list of each positive over which means are, in the order of `ranks`."""
        users = np.repeat(evaluated.queries.user_index, evaluated.positives.lengths)
        return lists_of(users, is_successive=self.is_successive)

    def validation(self, rows: Rows) -> Callable[[], Validation]:
        """What tells how well the model, as it is then, does on the ratings at `rows`."""
        evaluated = group_interactions(self.dataset, rows, self.vocabularies)

        def validate() -> Validation:
            top_k, ndcg = self.accuracy(evaluated, rows)
            score = ndcg if self.monitor is Monitor.NDCG else top_k.recall[VALIDATION_K]
            return Validation(score, top_k, ndcg=ndcg)

        return validate

    def accuracy(self, evaluated: GroupedInteractions, rows: Rows) -> tuple[TopK, float]:
        """Exact top-k accuracy and NDCG of the model as it is; arguments as those of `ranks`."""
        ranks = self.ranks(self.score_block(evaluated.queries), evaluated, rows)
        lists = self.lists(evaluated)
        return top_k(ranks, lists), mean_ndcg(ranks.unseen, lists)

    def group_queries(self, targets: Targets) -> GroupedQueries:
        """The different queries among pairs of a user and a time, with the model as it is."""
        queries, query_of = unique_queries(self.dataset, targets.rows, self.vocabularies)
        return GroupedQueries(queries.user_index, query_of, self.score_block(queries))

    def score_block(self, queries: Queries) -> ScoreBlock:
        """The scores of queries, with the model as it is."""
        # Of a transposed copy a product of few rows takes a fifth less.
        of_movies = np.ascontiguousarray(self.model.embed_movies().T)  # [dim, n_movies]
        of_queries = self.model.embed_queries(queries, self.seen)  # [n_queries, dim]
        return lambda rows: of_queries[rows] @ of_movies

    def tell_cold_movies(self) -> None:
        """Once training is over: see `cold_items`."""
        movies = self.dataset.ratings.movie_index[self.rows]
        tell_cold_movies(self.model, np.bincount(movies, minlength=len(self.dataset.movies)))


@dataclass(frozen=True)
class PreparedForTwo(Prepared):
    """The same where the model has both tasks."""

    model: MultiTaskModel
    evidence: Evidence

    def validation(self, rows: Rows) -> Callable[[], Validation]:
        """What is monitored, else recall and RMSE together, see `_of_both`."""
        pairs = self._pairs(rows)

        def validate() -> Validation:
            accuracy = self.accuracy(pairs.interactions, rows)
            errors = rating_errors(rating_outcome(self.model, self.dataset, rows, pairs, self.seen))
            return _of_both(self.model.tasks, accuracy, errors, self.monitor)

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


@dataclass(frozen=True)
class PreparedForPlainTwo(Prepared):
    """The same where ratings come from the embeddings alone."""

    model: PlainMultiTaskModel

    def validation(self, rows: Rows) -> Callable[[], Validation]:
        """What is monitored, else recall and RMSE together, see `_of_both`."""
        evaluated = group_interactions(self.dataset, rows, self.vocabularies)
        return lambda: _of_both(
            self.model.tasks,
            self.accuracy(evaluated, rows),
            rating_errors(self.rating_outcome(rows)),
            self.monitor,
        )

    def rating_outcome(self, rows: Rows) -> RatingOutcome:
        """What the model as it is makes of the ratings at `rows`, not cut to the scale."""
        ratings = self.dataset.ratings
        users = ratings.user_index[rows]
        queries, query_of = unique_queries(self.dataset, rows, self.vocabularies)
        head = self.model.rating_head(self.model.embed_queries(queries, self.seen), self.dataset)
        uncut = replace(head, lowest=-UNCUT_STARS, highest=UNCUT_STARS)
        return RatingOutcome(
            rows, users, ratings.rating[rows], uncut.stars(query_of, ratings.movie_index[rows])
        )

    def rating_head(self) -> RatingHead:
        """The model as it is, with every user at their last training rating."""
        users = last_queries(self.dataset, self.rows, self.vocabularies)
        return self.model.rating_head(self.model.embed_queries(users, self.seen), self.dataset)


_FOR_TWO = PreparedForTwo | PreparedForPlainTwo


def _of_both(
    tasks: TaskWeights, accuracy: tuple[TopK, float], errors: RatingErrors, monitor: Monitor | None
) -> Validation:
    """What is monitored, else recall and RMSE together (`STARS_WORTH`) without a task of no weight."""
    top_k, ndcg = accuracy
    score = top_k.recall[VALIDATION_K] if tasks.retrieval else 0.0
    if monitor is None:
        score -= STARS_WORTH * errors.rmse if tasks.rating else 0.0
    elif monitor is Monitor.NDCG:
        score = ndcg
    return Validation(score, top_k, errors, ndcg)


def fit_run(fitting: Fitting) -> Fitted:
    """Trains one feature set's model.

    Vocabularies, buckets and means are fitted on the train part alone. The model of the best epoch then
    trains on with the validation set added, for as many epochs again. A judged run is trained on with all
    ratings; where there is a parent, training begins with its weights.

    Raises:
        MovierecError: a feature cannot be fitted, or training diverged.
    """
    if fitting.judged is not None:
        return _fit_on_all(fitting, fitting.judged)
    dataset, split, config = fitting.dataset, fitting.split, fitting.config
    assert config.training is not None  # `prepare` checks the rest
    vocabularies = features_of(dataset, split.train, config, fitting.features_from)
    chosen = [prepare(dataset, split.train, config, vocabularies)]
    if fitting.parent is not None:
        begin_with(chosen[0].model, Start.of(fitting.parent, dataset))
    validate = chosen[0].validation(fitting.evaluated_rows(chosen[0].seen))
    result = fit(chosen[0].model, config.training, validate, fitting.observer)
    if fitting.only_validated:
        return Fitted.only_validated(result)
    del validate
    kept, result = with_validation(fitting, chosen, vocabularies, result)
    tested = RunParts(
        outcome=evaluate(dataset, kept.rows, split.test, kept, is_successive=split.is_successive),
        rating_outcome=kept.rating_outcome(split.test) if isinstance(kept, _FOR_TWO) else None,
    )
    return fitted_run(kept, vocabularies, result, tested)


def begin_with(model: TwoTowerModel, start: Start) -> None:
    """Puts what a parent learned into a new model."""
    query, movie = model.query_tower, model.movie_tower
    users, movies, bias = query.ids, [movie.ids.table], movie.bias
    movies += [] if query.history is None else [query.history.table]
    movies += [] if bias is None else [bias]
    tables = [
        start.users
        if users is not None and variable is users.table
        else start.movies
        if any(variable is one for one in movies)
        else None
        for variable in model.weights
    ]
    learned = learned_by(start.parent)
    new = [variable.numpy() for variable in model.weights]
    assign_weights(model.weights, start.weights(new, learned, tables))


def with_validation(
    fitting: Fitting,
    chosen: list[Prepared],
    vocabularies: dict[Feature, Vocabulary],
    result: FitResult,
    averaged_epochs: float = AVERAGED_EPOCHS,
) -> tuple[Prepared, FitResult]:
    """The model of the best epoch trained on with the validation set added, if that is asked for.

    That model is taken out of `chosen`, whose only one it is: where nothing else refers to it, its memory is
    free before the next one is made.

    It trains for as many epochs again. Of .25, .5 and 1 times as many, on a held-out part of 1M's training
    ratings, NDCG@10 is .2466, .2471 and .2500 of ids alone, .2679, .2689 and .2695 of the hybrid.
    Movies that nobody rated in training are told from their content.
    """
    config = fitting.config
    assert config.training is not None
    best = chosen.pop()
    if not config.training.refit:
        best.tell_cold_movies()
        return best, result
    weights = [variable.numpy() for variable in best.model.trainable_variables]
    del best
    give_back_memory(len(fitting.dataset.ratings))
    kept = prepare(fitting.dataset, fitting.split.fit, config, vocabularies)
    assign_weights(kept.model.trainable_variables, weights)
    fitting.observer.refit_started(result.best_epoch)
    refit_s = fit_epochs(kept.model, config.training, result.best_epoch, fitting.observer, averaged_epochs)
    kept.tell_cold_movies()
    return kept, replace(result, training_s=result.training_s + refit_s)


def _fit_on_all(fitting: Fitting, judged: Run) -> Fitted:
    kept, vocabularies, result = trained_on_all(fitting, learned_by(judged))
    return fitted_run(kept, vocabularies, result, RunParts())


def learned_by(judged: Run) -> Weights:
    """The weights of a run, in the order of the model's."""
    return [weight for _, weight in sorted(judged.weights.items())]


def trained_on_all(
    fitting: Fitting, learned: Weights, averaged_epochs: float = AVERAGED_EPOCHS
) -> tuple[Prepared, dict[Feature, Vocabulary], FitResult]:
    """Trains a judged run on with all ratings, see `Fitting.epochs_on_all`; its features stay as they are.

    Args:
        fitting: of the judged run.
        learned: its weights.
        averaged_epochs: over about how many the weights are averaged.
    """
    dataset, config = fitting.dataset, fitting.config
    assert config.training is not None
    vocabularies = features_of(dataset, fitting.split.train, config, fitting.features_from)
    kept = prepare(dataset, np.arange(len(dataset.ratings)), config, vocabularies)
    assign_weights(kept.model.weights, learned)
    n_epochs = fitting.epochs_on_all
    fitting.observer.refit_started(n_epochs)
    seconds = fit_epochs(kept.model, config.training, n_epochs, fitting.observer, averaged_epochs)
    kept.tell_cold_movies()
    return kept, vocabularies, FitResult(training_s=seconds, epochs_run=n_epochs)


def fitted_run(
    kept: Prepared, vocabularies: dict[Feature, Vocabulary], result: FitResult, tested: RunParts
) -> Fitted:
    """The model as it is, with what it made of the test set."""
    dataset = kept.dataset
    users = last_queries(dataset, kept.rows, vocabularies)
    towers, weights = tower_arrays(kept.model, users, kept.seen), kept.model.named_weights()
    in_towers: dict[str, JSON] = {
        name: place
        for name, weight in weights.items()
        for place, table in towers.tables.items()
        if np.array_equal(weight, table)
    }
    artifacts = run_artifacts(
        dataset,
        vocabularies,
        weights={name: weight for name, weight in weights.items() if name not in in_towers},
        users=kept.model.embed_queries(users, kept.seen),
        movies=kept.model.embed_movies(),
    )
    parts = replace(
        tested,
        artifacts=replace(artifacts, in_towers=in_towers),
        towers=towers,
        rating_head=kept.rating_head() if isinstance(kept, _FOR_TWO) else None,
    )
    n_parameters = sum(int(np.prod(variable.shape)) for variable in kept.model.weights)
    return Fitted.of(result, n_parameters, parts)


def prepare(
    dataset: Dataset, rows: Rows, config: RunConfig, vocabularies: dict[Feature, Vocabulary]
) -> Prepared:
    """Groups the training rows and makes an untrained model for them, seeded."""
    assert isinstance(config.model, TowerConfig) and config.training is not None  # the family has both
    if 4 * max(len(dataset.users), len(dataset.movies)) * config.model.embedding_size > LARGE_TABLE:
        keep_freed_memory()
    tf_keras.utils.set_random_seed(config.training.seed)
    tf.config.experimental.enable_op_determinism()
    seen = movies_of_users(dataset, rows)
    training = config.training.resolved(config.split.kind)
    asked = training.monitor, config.split.is_successive
    completes = not config.model.user_ids
    history = seen if USER_HISTORY in config.feature_set or completes else None
    # The penalty is given against the loss summed over all interactions; a step's is their mean, mostly.
    of_mean = replace(config.model, l2=config.model.l2 / len(rows))
    if config.tasks is not None and not config.model.rating_layers:
        evidence = Evidence(dataset, rows)
        pairs = RatedPairs.of_training(dataset, evidence, vocabularies)
        batches = rated_batches(pairs, len(dataset.movies), training, history)
        model = MultiTaskModel(
            dataset, vocabularies, of_mean, batches, evidence.mean, config.tasks, training.seed
        )
        return PreparedForTwo(dataset, rows, vocabularies, seen, model, *asked, evidence)
    interactions = group_interactions(dataset, rows, vocabularies)
    stars = dataset.ratings.rating[rows][interactions.order] if config.tasks is not None else None
    objective = objective_of(interactions, len(dataset.movies), training, history, stars, completes)
    if training.summed_loss:
        n_batches = objective.batches.n_batches
        of_features = config.model.feature_l2 * len(rows) / n_batches
        of_mean = replace(of_mean, l2=config.model.l2 / n_batches, feature_l2=of_features)
    if config.tasks is not None:
        assert isinstance(objective, InBatchObjective)  # `TrainerConfig` checks it
        plain = PlainMultiTaskModel(dataset, vocabularies, of_mean, objective, config.tasks, training.seed)
        return PreparedForPlainTwo(dataset, rows, vocabularies, seen, plain, *asked)
    towers = TwoTowerModel(dataset, vocabularies, of_mean, objective, training.seed)
    if towers.movie_tower.bias is not None:
        towers.movie_tower.bias.assign(_log_popularity(dataset, rows))
    return Prepared(dataset, rows, vocabularies, seen, towers, *asked)


def _log_popularity(dataset: Dataset, rows: Rows) -> npt.NDArray[np.float32]:
    """Where biases begin: each movie's share of the training ratings and one more, its logarithm."""
    counts = np.bincount(dataset.ratings.movie_index[rows], minlength=len(dataset.movies)) + 1.0
    shares: npt.NDArray[np.float32] = np.log(counts / counts.sum()).astype(np.float32)
    return shares
