"""Two towers with two tasks as the TFRS tutorial has them: ratings from both embeddings, and nothing else."""

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs
import tf_keras

from movierec_cli.config import Feature, TaskWeights, TowerConfig
from movierec_cli.data.dataset import Dataset
from movierec_cli.evaluation.ratings import rating_scale
from movierec_cli.models.feature_encodings import Vocabulary
from movierec_cli.models.two_tower.keras_towers import built
from movierec_cli.models.two_tower.objectives import InBatchObjective
from movierec_cli.models.two_tower.two_tower import TwoTowerModel
from movierec_cli.scoring.rating_head import RatingHead


class PlainMultiTaskModel(TwoTowerModel):
    """The retrieval model, and stars by dense layers, relu between, on the query's and the movie's embedding.

    The stars are not cut to the scale, which the layers do not know.

    Args:
        dataset: the data set.
        vocabularies: of the features.
        config: of the towers, with `rating_layers`.
        objective: of retrieval, whose batches have stars.
        tasks: how much each loss counts.
        seed: of all random numbers.
    """

    def __init__(
        self,
        dataset: Dataset,
        vocabularies: dict[Feature, Vocabulary],
        config: TowerConfig,
        objective: InBatchObjective,
        tasks: TaskWeights,
        seed: int,
    ):
        super().__init__(dataset, vocabularies, config, objective, seed)
        self.tasks = tasks
        layers = [tf_keras.layers.Dense(size, activation="relu") for size in config.rating_layers]
        width = config.layer_sizes[-1] if config.layer_sizes else sum(self.movie_tower.widths)
        width += config.item_bias
        self.rating_layers = built([*layers, tf_keras.layers.Dense(1)], 2 * width)
        self.rating_task = tfrs.tasks.Ranking(loss=tf_keras.losses.MeanSquaredError())
        for layer in self.rating_layers:  # a task that is switched off leaves its layers as they were made
            layer.trainable = tasks.rating > 0

    @property
    def batch_signature(self) -> dict[str, tf.TensorSpec]:
        """What `compute_loss` reads from a batch."""
        signature: dict[str, tf.TensorSpec] = super().batch_signature
        return signature | {"stars": tf.TensorSpec([None], tf.float32)}

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """The weighted sum of both means over interactions; `tfrs.Model` adds the L2 of the tables."""
        queries, movies = self.queries(inputs, training), self.movies(training)
        loss = tf.constant(0.0)
        if self.tasks.retrieval:
            loss += self.tasks.retrieval * self.objective.loss(queries, movies, inputs)
        if self.tasks.rating:
            hidden = tf.concat([queries, tf.gather(movies, inputs["movie_index"])], axis=1)
            for layer in self.rating_layers:
                hidden = layer(hidden)
            loss += self.tasks.rating * self.rating_task(
                labels=inputs["stars"][:, None], predictions=hidden, compute_metrics=False
            )
        return loss

    def rating_head(self, queries: npt.NDArray[np.float32], dataset: Dataset) -> RatingHead:
        """The arrays that predict as the model does, for query embeddings [n, dim] in the place of users."""
        movies = self.embed_movies()
        dense = [(layer.kernel.numpy(), layer.bias.numpy()) for layer in self.rating_layers]
        (kernel, bias), *others = dense
        no_product = np.zeros((movies.shape[1], kernel.shape[1]), np.float32)
        lowest, highest = rating_scale(dataset)
        return RatingHead(
            user_vectors=queries,
            movie_vectors=movies,
            user_bias=np.zeros(len(queries), np.float32),
            movie_bias=np.zeros(len(movies), np.float32),
            user_numbers=np.zeros((len(queries), 0), np.float32),
            movie_numbers=np.zeros((len(movies), 0), np.float32),
            user_tastes=None,
            movie_genres=None,
            linear=np.zeros(0, np.float32),
            dense=((np.concatenate([kernel, no_product]), bias), *others),
            scale=0.0,
            mean=0.0,
            lowest=lowest,
            highest=highest,
        )
