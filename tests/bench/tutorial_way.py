"""How the TFRS tutorials train: strings looked up in the model, one interaction an example, in-batch softmax.

Written after their description, for the comparison only: ids, time and title text, metrics off.
"""

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs
import tf_keras

from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import Split

WIDTH = 32
LAYERS = (64, 32)
BATCH = 2048
WORDS = 10_000
BUCKETS = 1000


def _dense() -> tf_keras.Sequential:
    inner = [tf_keras.layers.Dense(size, activation="relu") for size in LAYERS[:-1]]
    return tf_keras.Sequential([*inner, tf_keras.layers.Dense(LAYERS[-1])])


def _looked_up(vocabulary: np.ndarray) -> tf_keras.Sequential:
    lookup = tf_keras.layers.StringLookup(vocabulary=vocabulary, mask_token=None)
    return tf_keras.Sequential([lookup, tf_keras.layers.Embedding(len(vocabulary) + 1, WIDTH)])


class _Model(tfrs.Model):
    def __init__(self, users: np.ndarray, titles: np.ndarray, seconds: np.ndarray):
        super().__init__()
        self.user = _looked_up(users)
        edges = np.linspace(seconds.min(), seconds.max(), BUCKETS).tolist()
        self.bucket = tf_keras.Sequential(
            [tf_keras.layers.Discretization(edges), tf_keras.layers.Embedding(BUCKETS + 2, WIDTH)]
        )
        self.scale = tf_keras.layers.Normalization(axis=None, mean=seconds.mean(), variance=seconds.var())
        self.title = _looked_up(titles)
        vectorizer = tf_keras.layers.TextVectorization(max_tokens=WORDS)
        vectorizer.adapt(titles)
        self.text = tf_keras.Sequential(
            [
                vectorizer,
                tf_keras.layers.Embedding(WORDS, WIDTH, mask_zero=True),
                tf_keras.layers.GlobalAveragePooling1D(),
            ]
        )
        self.query_top, self.movie_top = _dense(), _dense()
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        seconds = inputs["timestamp"]
        query = [self.user(inputs["user_id"]), self.bucket(seconds), self.scale(seconds)[:, None]]
        movie = [self.title(inputs["movie_title"]), self.text(inputs["movie_title"])]
        return self.task(
            self.query_top(tf.concat(query, axis=1)),
            self.movie_top(tf.concat(movie, axis=1)),
            compute_metrics=False,
        )


class TutorialWay:
    """The model and its input pipeline."""

    def __init__(self, dataset: Dataset, split: Split):
        ratings, rows = dataset.ratings, split.fit
        titles = dataset.movies.title.astype("U")
        users = dataset.users.user_id.astype("U")
        seconds = ratings.timestamp[rows].astype(np.float32)
        self._model = _Model(np.unique(users), np.unique(titles), seconds)
        self._model.compile(optimizer=tf_keras.optimizers.Adagrad(0.1))
        examples = tf.data.Dataset.from_tensor_slices(
            {
                "user_id": users[ratings.user_index[rows]],
                "movie_title": titles[ratings.movie_index[rows]],
                "timestamp": seconds,
            }
        )
        self._batches = examples.shuffle(100_000, seed=42).batch(BATCH).cache()

    def epoch(self, n_batches: int = -1) -> None:
        """Trains on the first `n_batches`, or on all."""
        self._model.fit(self._batches.take(n_batches), epochs=1, verbose=0)
