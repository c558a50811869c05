"""Two towers with two tasks: which movies somebody will watch, and how many stars they will give."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs
import tf_keras

from movierec_cli.config import Feature, TaskWeights, TowerConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.ragged import RaggedRows
from movierec_cli.evaluation.ratings import RatingOutcome, clipped, rating_scale
from movierec_cli.models.feature_encodings import Rows, Vocabulary
from movierec_cli.models.rating.evidence import N_NUMBERS, N_SESSION_NUMBERS, POOL_SIZE, Evidence
from movierec_cli.models.rating.head import RatingLayers
from movierec_cli.models.rating.rating_batches import RatedBatches, RatedPairs, pool_of_users
from movierec_cli.models.two_tower.objectives import CatalogueObjective
from movierec_cli.models.two_tower.query_batches import Queries
from movierec_cli.models.two_tower.two_tower import TwoTowerModel, query_blocks
from movierec_cli.scoring.rating_head import RatingHead

_PAIR_SIGNATURE = {
    "pair_query": tf.TensorSpec([None], tf.int32),
    "pair_movie": tf.TensorSpec([None], tf.int32),
    "stars": tf.TensorSpec([None], tf.float32),
    "numbers": tf.TensorSpec([None, N_NUMBERS], tf.float32),
    "session": tf.TensorSpec([None, N_SESSION_NUMBERS], tf.float32),
    "own_of_user": tf.TensorSpec([None], tf.float32),
    "own_of_movie": tf.TensorSpec([None], tf.float32),
    "n_of_user": tf.TensorSpec([None], tf.float32),
    "n_of_movie": tf.TensorSpec([None], tf.float32),
    "pool": tf.TensorSpec([None], tf.int32),
    "pool_values": tf.TensorSpec([None], tf.float32),
}
_SHOWN_SIGNATURE = {
    "shown": tf.TensorSpec([None, 2], tf.int64),
    "shown_values": tf.TensorSpec([None], tf.float32),
}
_POOLS_SIGNATURE = {"movie_pools": tf.TensorSpec([None, POOL_SIZE], tf.float32)}


class MultiTaskModel(TwoTowerModel):
    """The retrieval model, and stars from the same embedding tables.

    Args:
        dataset: the data set.
        vocabularies: of the features.
        config: of the towers.
        batches: of the training set.
        mean: of its ratings, stars.
        tasks: how much each loss counts.
        seed: of all random numbers.
    """

    # Without it the squared error leaps every few dozen epochs, and the model kept may be one after a leap.
    max_gradient_norm = 0.3

    def __init__(
        self,
        dataset: Dataset,
        vocabularies: dict[Feature, Vocabulary],
        config: TowerConfig,
        batches: RatedBatches,
        mean: float,
        tasks: TaskWeights,
        seed: int,
    ):
        super().__init__(dataset, vocabularies, config, CatalogueObjective(batches), seed)
        self.tasks = tasks
        self.mean_rating = tf.constant(mean, tf.float32)
        self._mean_pairs = batches.mean_positives
        self.rating = RatingLayers(
            len(dataset.users),
            len(dataset.movies),
            self.query_tower.widths,
            self.movie_tower.widths,
            config,
            batches.interactions.n_interactions,
            seed + 2,
        )
        # The task's mean would be over a batch, and batches differ in their number of ratings.
        squared = tf_keras.losses.MeanSquaredError(reduction=tf_keras.losses.Reduction.SUM)
        self.rating_task = tfrs.tasks.Ranking(loss=squared)
        # A task that is switched off leaves its layers as they were made.
        self.rating.trainable = tasks.rating > 0
        self.query_tower.top.trainable = self.movie_tower.top.trainable = tasks.retrieval > 0
        self.compiled_stars = tf.function(
            self.stars, input_signature=[self.query_signature | _PAIR_SIGNATURE | _POOLS_SIGNATURE]
        )

    @property
    def batch_signature(self) -> dict[str, tf.TensorSpec]:
        """What `compute_loss` reads from a batch."""
        signature: dict[str, tf.TensorSpec] = super().batch_signature | _PAIR_SIGNATURE | _SHOWN_SIGNATURE
        return signature

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """The weighted sum of both means over interactions; `tfrs.Model` adds the L2 of the tables."""
        query_parts, movie_parts = self.query_parts(inputs), self.movie_tower.parts()
        queries = self.movie_tower.with_one(self.query_tower.top(query_parts, training=training))
        movies = self.movie_tower.with_bias(self.movie_tower.top(movie_parts, training=training))
        loss = tf.constant(0.0)
        if self.tasks.retrieval:
            loss += self.tasks.retrieval * self.objective.loss(queries, movies, inputs)
        if self.tasks.rating:
            loss += self.tasks.rating * self._rating_loss(inputs, query_parts, movie_parts, training)
        return loss

    def _rating_loss(
        self,
        batch: dict[str, tf.Tensor],
        query_parts: list[tf.Tensor],
        movie_parts: list[tf.Tensor],
        training: bool,
    ) -> tf.Tensor:
        """Squared stars: the batch's sum over the ratings of an average batch.

        The mean of two errors, without and with what the session adds, so that the one serves where nothing
        is known of a session.
        """
        pools = self.movie_pools(batch["shown"], batch["shown_values"])
        without = self._stars(batch, query_parts, movie_parts, pools, training)
        with_session = without + self.rating.of_session(batch["session"], batch["numbers"])
        summed = sum(
            self.rating_task(
                labels=batch["stars"][:, None], predictions=stars[:, None], compute_metrics=False
            )
            for stars in (without, with_session)
        )
        return summed / (2 * self._mean_pairs)

    def stars(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The predicted ratings of a batch's pairs at their time, [p], not cut to the scale."""
        parts = self.query_parts(batch), self.movie_tower.parts()
        without = self._stars(batch, *parts, batch["movie_pools"], training=False)
        return without + self.rating.of_session(batch["session"], batch["numbers"])

    def _stars(
        self,
        batch: dict[str, tf.Tensor],
        query_parts: list[tf.Tensor],
        movie_parts: list[tf.Tensor],
        movie_pools: tf.Tensor,
        training: bool,
    ) -> tf.Tensor:
        """Stars without the session, [p]."""
        of_queries = self.rating.query_top(query_parts, training=training)  # [b, width]
        of_movies = self.rating.movie_top(movie_parts, training=training)  # [n_movies, width]
        query, movie = batch["pair_query"], batch["pair_movie"]
        above_mean = self.rating(
            tf.gather(batch["user_index"], query),
            movie,
            tf.gather(of_queries, query) + self._of_user_pools(batch),
            tf.gather(of_movies, movie) + self._of_movie_pools(batch, movie_pools),
            batch["numbers"],
            training=training,
        )
        return self.mean_rating + above_mean

    def user_vectors(self, batch: dict[str, tf.Tensor], n_ratings: tf.Tensor) -> tf.Tensor:
        """What the rating layers know of a batch's queries, with nothing taken off the pools: [b, width]."""
        tensors = {name: tf.convert_to_tensor(array) for name, array in batch.items()}
        own = self.rating.query_top(self.query_parts(tensors))
        return own + self.rating.of_user_pool(self._user_pools(tensors), n_ratings)

    def movie_vectors(self, evidence: Evidence) -> tf.Tensor:
        """What they know of all movies, likewise: [n_movies, width]."""
        pools = self.all_movie_pools(evidence)
        n_ratings = tf.constant(evidence.n_ratings_of_movies, tf.float32)
        return self.rating.movie_top(self.movie_tower.parts()) + self.rating.of_movie_pool(pools, n_ratings)

    def _of_user_pools(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """What each pair's user made of other movies: [p, width]."""
        own = batch["own_of_user"][:, None] * tf.gather(self.rating.user_pool, batch["pair_movie"])
        others = tf.gather(self._user_pools(batch), batch["pair_query"]) - own
        return self.rating.of_user_pool(others, batch["n_of_user"])

    def _user_pools(self, batch: dict[str, tf.Tensor]) -> tf.Tensor:
        """The sums over each query's user's residuals: [b, POOL_SIZE]."""
        n_queries = tf.shape(batch["user_index"])[0]
        flat = tf.scatter_nd(batch["pool"][:, None], batch["pool_values"], [n_queries * self.n_movies])
        return tf.matmul(tf.reshape(flat, [n_queries, self.n_movies]), self.rating.user_pool)

    def _of_movie_pools(self, batch: dict[str, tf.Tensor], pools: tf.Tensor) -> tf.Tensor:
        """What others made of each pair's movie: [p, width]."""
        users = tf.gather(batch["user_index"], batch["pair_query"])
        own = batch["own_of_movie"][:, None] * tf.gather(self.rating.movie_pool, users)
        others = tf.gather(pools, batch["pair_movie"]) - own
        return self.rating.of_movie_pool(others, batch["n_of_movie"])

    def all_movie_pools(self, evidence: Evidence) -> tf.Tensor:
        """The sums over all of each movie's residuals: [n_movies, POOL_SIZE]."""
        residuals = evidence.residuals_of_movies
        return self.movie_pools(residuals.pairs.astype(np.int64), residuals.values)

    def movie_pools(self, pairs: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        """The sums over each movie's residuals, [n_movies, POOL_SIZE], of movies and users [n, 2]."""
        residuals = tf.SparseTensor(pairs, values, [self.n_movies, self.rating.movie_pool.shape[0]])
        return tf.sparse.sparse_dense_matmul(residuals, self.rating.movie_pool)


def predicted_stars(model: MultiTaskModel, pairs: RatedPairs, seen: RaggedRows) -> npt.NDArray[np.float32]:
    """The model's stars for the pairs, in the order in which they were grouped, not cut to the scale."""
    queries = pairs.interactions.queries
    pools = {"movie_pools": model.all_movie_pools(pairs.evidence)}
    parts = []
    for rows in query_blocks(queries):
        batch = model.batch_of(queries.take(rows), seen) | pairs.of_queries(rows) | pools
        parts.append(model.compiled_stars(batch).numpy())
    stars = np.empty(len(pairs.stars), np.float32)
    stars[pairs.interactions.order] = np.concatenate(parts)
    return stars


def rating_outcome(
    model: MultiTaskModel, dataset: Dataset, rows: Rows, pairs: RatedPairs, seen: RaggedRows
) -> RatingOutcome:
    """What the model makes of the ratings at `rows`, which `pairs` groups."""
    return RatingOutcome(
        rows=rows,
        user_index=dataset.ratings.user_index[rows],
        rating=dataset.ratings.rating[rows],
        predicted=clipped(predicted_stars(model, pairs, seen), dataset),
    )


def rating_head(model: MultiTaskModel, evidence: Evidence, users: Queries, seen: RaggedRows) -> RatingHead:
    """The arrays that predict as the model does for users who have not begun a session.

    Args:
        model: trained.
        evidence: its training set's.
        users: every user as a query.
        seen: each user's training movies.
    """
    dataset, layers = evidence.dataset, model.rating
    movies = np.arange(len(dataset.movies), dtype=np.int32)
    lowest, highest = rating_scale(dataset)
    return RatingHead(
        user_vectors=_user_vectors(model, evidence, users, seen),
        movie_vectors=model.movie_vectors(evidence).numpy(),
        user_bias=layers.user_bias.numpy(),
        movie_bias=layers.movie_bias.numpy(),
        user_numbers=evidence.of_users(users.user_index),
        movie_numbers=evidence.of_movies(movies),
        user_tastes=evidence.tastes_of(users.user_index),
        movie_genres=evidence.genre_shares,
        linear=layers.linear.numpy()[:, 0],
        dense=tuple((layer.kernel.numpy(), layer.bias.numpy()) for layer in layers.dense),
        scale=float(layers.scale.numpy()),
        mean=evidence.mean,
        lowest=lowest,
        highest=highest,
    )


def _user_vectors(
    model: MultiTaskModel, evidence: Evidence, users: Queries, seen: RaggedRows
) -> npt.NDArray[np.float32]:
    parts = []
    n_ratings = evidence.n_ratings.astype(np.float32)
    for rows in query_blocks(users):
        asked = users.take(rows)
        batch = model.batch_of(asked, seen) | pool_of_users(evidence, asked.user_index)
        parts.append(model.user_vectors(batch, n_ratings[asked.user_index]).numpy())
    return np.concatenate(parts)
