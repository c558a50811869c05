"""Recommending as a SavedModel that TensorFlow alone can load."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from movierec_cli.export.kinds import IndexKind
from movierec_cli.export.model_arrays import ModelArrays
from movierec_cli.export.tensorflow_contexts import Hold, OfTimes, Tensor, embedder
from movierec_cli.export.tensorflow_index import make_index, padded

AT_TIME = "at_time"
"""The signature with a time, of a model that sees time; the other one is TensorFlow's default."""
ABOUT = Path("assets.extra") / "movierec.json"
"""What the model is; a folder with this file is one of ours. TensorFlow leaves `assets.extra` alone."""


def write_saved_model(arrays: ModelArrays, kind: IndexKind, about: dict[str, Any], folder: Path) -> None:
    """Writes into a folder that is not there yet.

    Raises:
        OSError: it cannot be written.
        MovierecError: the index cannot be made.
    """
    from movierec_cli.models.tensorflow_start import start_tensorflow

    start_tensorflow()
    import tensorflow as tf

    built = build(arrays, kind)
    options = tf.saved_model.SaveOptions(namespace_whitelist=["Scann"])
    try:
        tf.saved_model.save(built.module, str(folder), signatures=built.signatures, options=options)
    except tf.errors.OpError as error:
        raise OSError(_reason(error.message)) from error
    place = folder / ABOUT
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _reason(message: str) -> str:
    """What the system said, of a message such as "{{node}} /a/path; No space left on device [Op:SaveV2]"."""
    return message.rpartition("; ")[2].partition(" [Op:")[0]


def is_saved_model(folder: Path) -> bool:
    """Whether a folder is what `write_saved_model` wrote."""
    return (folder / "saved_model.pb").is_file() and (folder / ABOUT).is_file()


@dataclass(frozen=True)
class Built:
    """A module to save, and its signatures by name."""

    module: Any  # tf.Module
    signatures: dict[str, Any]  # tf.function


def build(arrays: ModelArrays, kind: IndexKind = IndexKind.BRUTE_FORCE) -> Built:
    """Makes the module; both signatures take keyword arguments and give a dictionary.

    Inputs and outputs are described in `model_arrays`: `k` int32, `include_seen` and `known` bool, `title`
    string, `score` float32, all others int64. `seconds` is an input of the signature `AT_TIME` only.

    Raises:
        MovierecError: as `make_index`.
    """
    import tensorflow as tf

    module = tf.Module()
    module.held = []

    def hold(what: Any) -> Any:
        module.held.append(tf.Variable(what, trainable=False) if isinstance(what, np.ndarray) else what)
        return module.held[-1]

    recommend = _recommender(arrays, kind, hold)
    module.recommend = _function(recommend, {})
    signatures = {"serving_default": module.recommend}
    if arrays.context_tower is not None:
        module.recommend_at = _function(recommend, {"seconds": tf.TensorSpec([None], tf.int64)})
        signatures[AT_TIME] = module.recommend_at
    return Built(module, signatures)


def _function(recommend: Callable[..., dict[str, Tensor]], more: dict[str, Any]) -> Any:
    """The traced function with named inputs."""
    import tensorflow as tf

    specs = {
        "user_id": tf.TensorSpec([None], tf.int64),
        "k": tf.TensorSpec([], tf.int32),
        "exclude": tf.TensorSpec([None, None], tf.int64),
        "include_seen": tf.TensorSpec([], tf.bool),
        **more,
    }
    named = {name: tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()}
    function = tf.function(lambda **inputs: recommend(**inputs))
    return function.get_concrete_function(**named)


def _recommender(arrays: ModelArrays, kind: IndexKind, hold: Hold) -> Callable[..., dict[str, Tensor]]:
    import tensorflow as tf

    row_of_user = _finder(arrays.user_ids, hold)
    embeddings = hold(arrays.user_embeddings)
    embed_at = None if arrays.context_tower is None else embedder(arrays.context_tower, hold)
    hidden = _hidden(arrays, hold)
    index = make_index(kind, arrays, hold)
    movie_ids = hold(arrays.output_ids)
    titles = hold(arrays.output_titles)

    def recommend(
        user_id: Tensor, k: Tensor, exclude: Tensor, include_seen: Tensor, seconds: Tensor | None = None
    ) -> dict[str, Tensor]:
        found = row_of_user(user_id)  # [b]
        known, rows = found >= 0, tf.maximum(found, 0)
        if seconds is not None:
            seconds = tf.broadcast_to(seconds, tf.shape(user_id))
        query = {
            "embedding": _embedded(rows, seconds, embeddings, embed_at),
            "known": known,
            "hidden": hidden(rows, known & ~include_seen, seconds, exclude),
        }
        score, place = padded(*index(query, tf.maximum(k, 0)), k, arrays.n_movies)
        return {
            "movie_id": tf.gather(movie_ids, place),
            "title": tf.gather(titles, place),
            "score": score,
            "known": known,
        }

    return recommend


def _embedded(rows: Tensor, seconds: Tensor | None, stored: Tensor, embed_at: OfTimes | None) -> Tensor:
    import tensorflow as tf

    if seconds is None or embed_at is None:
        return tf.gather(stored, rows)
    return embed_at(rows, seconds)


def _finder(ids: Any, hold: Hold) -> Callable[[Tensor], Tensor]:
    """A function from ids [n] to rows, int64 [n], -1 where there is none."""
    import tensorflow as tf

    order = np.argsort(ids)
    rows, ordered = hold(order), hold(ids[order])

    def find(requested: Tensor) -> Tensor:
        place = tf.minimum(tf.searchsorted(ordered, requested), len(ids) - 1)
        return tf.where(tf.gather(ordered, place) == requested, tf.gather(rows, place), -1)

    return find


def _hidden(arrays: ModelArrays, hold: Hold) -> Callable[..., Tensor]:
    """A function that says which movies are left out, bool [b, n_movies]."""
    import tensorflow as tf

    starts, movies = hold(arrays.seen_starts), hold(arrays.seen_movies.astype(np.int64))
    rated_at = hold(arrays.seen_seconds)
    row_of_movie = _finder(arrays.movie_ids, hold)

    def seen(rows: Tensor, masked: Tensor, seconds: Tensor | None) -> Tensor:
        """Pairs of a query and a movie they rated before it, [n, 2]."""
        first = tf.gather(starts, rows)
        places = tf.ragged.range(first, tf.where(masked, tf.gather(starts, rows + 1), first))
        pairs = tf.stack([places.value_rowids(), tf.gather(movies, places.flat_values)], axis=1)
        if seconds is None:
            return pairs
        before = tf.gather(rated_at, places.flat_values) < tf.gather(seconds, pairs[:, 0])
        return tf.boolean_mask(pairs, before)

    def excluded(exclude: Tensor, n_queries: Tensor) -> Tensor:
        each = tf.broadcast_to(exclude, [n_queries, tf.shape(exclude)[1]])
        movie = row_of_movie(tf.reshape(each, [-1]))
        query = tf.repeat(tf.range(tf.cast(n_queries, tf.int64)), tf.shape(each)[1])
        return tf.boolean_mask(tf.stack([query, movie], axis=1), movie >= 0)

    def hidden(rows: Tensor, masked: Tensor, seconds: Tensor | None, exclude: Tensor) -> Tensor:
        n_queries = tf.shape(rows)[0]
        pairs = tf.concat([seen(rows, masked, seconds), excluded(exclude, n_queries)], axis=0)
        nothing = tf.zeros([n_queries, arrays.n_movies], tf.bool)
        return tf.tensor_scatter_nd_update(nothing, pairs, tf.ones(tf.shape(pairs)[:1], tf.bool))

    return hidden
