"""How the KerasRS sequential example trains: `python keras_rs_gru_way.py WINDOWS.npz RESULT.npz SETTINGS`.

Written after its description, for the comparison only, on the engine that KERAS_BACKEND names. WINDOWS.npz
has `contexts`, `labels`, `test_contexts`, `test_labels`; RESULT.npz gets `queries` of the test part and
`movies`; the validation loss and the seconds of each epoch are printed as JSON.

In-batch softmax without a model class of its own: a step's scores are [batch, batch] and example i's class
is i, its place in the batch.
"""

import json
import sys
import time

import keras
import numpy as np

WIDTH = 32


def build(length: int, n_movies: int) -> tuple[keras.Model, keras.Model, keras.layers.Embedding]:
    """The model of scores, its query half, and the movies' embeddings."""
    contexts = keras.Input((length,), dtype="int32")
    labels = keras.Input((), dtype="int32")
    states = keras.layers.Embedding(n_movies + 1, WIDTH)(contexts)
    queries = keras.layers.GRU(WIDTH)(states)  # [batch, WIDTH]
    movies = keras.layers.Embedding(n_movies, WIDTH)
    scores = keras.ops.matmul(queries, keras.ops.transpose(movies(labels)))  # [batch, batch]
    return keras.Model([contexts, labels], scores), keras.Model(contexts, queries), movies


def places(n: int, batch_size: int) -> np.ndarray:
    """Each example's place in its batch."""
    return np.arange(n, dtype=np.int32) % batch_size


def main() -> None:
    settings = json.loads(sys.argv[3])
    with np.load(sys.argv[1]) as file:
        windows = {name: file[name] for name in file.files}
    keras.utils.set_random_seed(42)
    order = np.random.default_rng(42).permutation(len(windows["labels"]))  # once, as there
    model, query_model, movies = build(windows["contexts"].shape[1], settings["n_movies"])
    model.compile(
        optimizer=keras.optimizers.AdamW(settings["learning_rate"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    started = time.perf_counter()
    history = model.fit(
        [windows["contexts"][order], windows["labels"][order]],
        places(len(order), settings["batch_size"]),
        batch_size=settings["batch_size"],
        epochs=settings["num_epochs"],
        shuffle=False,
        validation_data=(
            [windows["test_contexts"], windows["test_labels"]],
            places(len(windows["test_labels"]), settings["test_batch_size"]),
        ),
        validation_batch_size=settings["test_batch_size"],
        verbose=0,
    )
    seconds = time.perf_counter() - started
    queries = query_model.predict(windows["test_contexts"], batch_size=4096, verbose=0)
    np.savez(sys.argv[2], queries=queries, movies=np.asarray(movies.embeddings))
    print(json.dumps({"val_loss": history.history["val_loss"], "training_s": seconds}))


if __name__ == "__main__":
    main()
