"""How the TFRS sequential tutorial trains: a GRU over ten films, in-batch softmax, Adagrad.

Written after its description, for the comparison only: integers for ids, metrics off. Films that fill a
short context are an ordinary film to the GRU, as there.
"""

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_recommenders as tfrs
import tf_keras

from tests.bench.film_windows import Windows

WIDTH = 32
BATCH = 12_800
SHUFFLED = 10_000  # examples in hand while the order is drawn


class _Model(tfrs.Model):
    def __init__(self, n_movies: int):
        super().__init__()
        self.query = tf_keras.Sequential(
            [tf_keras.layers.Embedding(n_movies + 1, WIDTH), tf_keras.layers.GRU(WIDTH)]
        )
        self.movie = tf_keras.layers.Embedding(n_movies, WIDTH)
        self.task = tfrs.tasks.Retrieval()

    def compute_loss(self, inputs: tuple[tf.Tensor, tf.Tensor], training: bool = False) -> tf.Tensor:
        contexts, labels = inputs
        return self.task(self.query(contexts), self.movie(labels), compute_metrics=False)


class TfrsGruWay:
    """The model and its input pipeline."""

    def __init__(self, windows: Windows, n_movies: int):
        tf_keras.utils.set_random_seed(42)
        self._model = _Model(n_movies)
        self._model.compile(optimizer=tf_keras.optimizers.Adagrad(0.1))
        examples = tf.data.Dataset.from_tensor_slices((windows.contexts, windows.labels))
        # The order is drawn once: what is cached comes back as it was.
        self._batches = examples.shuffle(SHUFFLED, seed=42).batch(BATCH).cache()
        self._n_movies = n_movies

    def fit(self, num_epochs: int) -> None:
        """Trains for so many epochs."""
        self._model.fit(self._batches, epochs=num_epochs, verbose=0)

    def embed(self, windows: Windows) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Queries [n, WIDTH] and all movies [n_movies, WIDTH]."""
        queries = self._model.query.predict(windows.contexts, batch_size=4096, verbose=0)
        return queries, self._model.movie(tf.range(self._n_movies)).numpy()
