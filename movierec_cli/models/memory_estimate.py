"""How much memory a training takes, estimated from its configuration and data before anything is built.

Parameters are counted exactly. Each is held several times at once: the weights, their gradients, the
optimizer's slots, and the best epoch's copy. To these come the largest arrays of a step. What is left out
(code, the data set, what the compiler adds) is small where an estimate matters.
"""

import itertools
import math
from collections.abc import Sequence
from pathlib import Path

from movierec_cli.config import (
    QUERY_TIME,
    TIME_GAP,
    USER_HISTORY,
    Family,
    Feature,
    FeatureSet,
    LossKind,
    SequenceConfig,
    Side,
    TowerConfig,
)
from movierec_cli.data.dataset import Dataset
from movierec_cli.data.split import Split
from movierec_cli.errors import MovierecError
from movierec_cli.models.feature_encodings import encode_features, fit_features
from movierec_cli.models.hybrid.item_evidence import MOST_MOVIES
from movierec_cli.models.hybrid.members import n_members
from movierec_cli.models.rating.evidence import (
    DENSE_SIZES,
    N_NUMBERS,
    N_SESSION_NUMBERS,
    POOL_SIZE,
    SESSION_SIZES,
)
from movierec_cli.models.sequential.engine import MOST_DEVICES, n_devices
from movierec_cli.models.sequential.packed_batches import MICRO_BATCH_TOKENS, default_tokens, rows_of_scores
from movierec_cli.models.two_tower.inputs import Input, NumberInput
from movierec_cli.models.two_tower.query_batches import (
    CLASSES,
    IN_BATCH_INTERACTIONS,
    MAX_CLASSES,
    QUERY_PARTS,
    catalogue_batch_size,
)
from movierec_cli.records import dataclass
from movierec_cli.registry.record import RunConfig
from movierec_cli.scoring.sequence_network import GAP_BUCKETS
from movierec_cli.text import listed

FLOAT_BYTES = 4
TOWER_COPIES = 8
"""Weights, gradients, both moments of Adam, the running average, its best and, in validation, two copies."""
SEQUENCE_COPIES = 8
"""Weights, their variables, both moments of Adam, the best epoch's, the gradients' sum, and a checkpoint
being written, of which two are compared; besides, the gradients of each device twice."""
IALS_FACTORS = 64  # the most that its grid has
EASE_BYTES = 16  # of each pair of movies: counts, the inverse in double precision, and its halves' products


@dataclass(frozen=True)
class TrainingData:
    """What of the data decides the sizes of arrays."""

    n_users: int
    n_movies: int
    n_ratings: int  # of the training set
    columns: dict[Side, dict[Feature, tuple[Input, ...]]]  # encoded

    @classmethod
    def of(cls, dataset: Dataset, split: Split, features: FeatureSet) -> "TrainingData":
        """A data set as models with any of these features see it."""
        vocabularies = fit_features(dataset, split.train, features)
        encoded = {side: encode_features(dataset, vocabularies, side) for side in Side}
        return cls(len(dataset.users), len(dataset.movies), len(split.train), encoded)

    def inputs(self, features: FeatureSet, *sides: Side) -> list[Input]:
        """The columns of those features of a set that describe these sides."""
        return [
            column
            for side in sides
            for feature, columns in self.columns.get(side, {}).items()
            if feature in features
            for column in columns
        ]


def n_parameters(config: RunConfig, data: TrainingData) -> int:
    """How many numbers a trained family's model has to learn."""
    if isinstance(config.model, SequenceConfig):
        return _sequence_parameters(config, config.model, data)
    assert isinstance(config.model, TowerConfig)  # the other kind that is trained
    return n_members(config, data.n_ratings) * _tower_parameters(config, config.model, data)


def needed_bytes(config: RunConfig, data: TrainingData) -> int:
    """About how much memory a family's fit takes at its peak."""
    if isinstance(config.model, SequenceConfig):
        # Of each device the weights, what its lane adds up, and what waits to be added.
        of_device = 2 + math.log2(MOST_DEVICES / n_devices())
        floats = round((SEQUENCE_COPIES + of_device * n_devices()) * n_parameters(config, data))
        return FLOAT_BYTES * (floats + _sequence_step(config, config.model, data))
    if isinstance(config.model, TowerConfig):
        floats = TOWER_COPIES * n_parameters(config, data)
        floats += _tower_step(config, config.model, data)
        n_weighed = min(data.n_movies, MOST_MOVIES) if config.family.has_item_weights else 0
        return FLOAT_BYTES * floats + EASE_BYTES * n_weighed**2
    of_baselines = {
        Family.EASE: EASE_BYTES * data.n_movies**2,
        Family.IALS: FLOAT_BYTES * IALS_FACTORS * 2 * (data.n_users + data.n_movies),
    }
    return of_baselines.get(config.family, 0)  # the others keep a list or what the ratings are themselves


# --- two towers ---------------------------------------------------------------------------------------


def _width(inputs: Sequence[Input], embedding_size: int) -> int:
    """Of the encoded columns, side by side, where each code is embedded."""
    return sum(one.size if isinstance(one, NumberInput) else embedding_size for one in inputs)


def _dense(*sizes: int) -> int:
    """The parameters of dense layers from a width through these sizes."""
    return sum((before + 1) * after for before, after in itertools.pairwise(sizes))


def _has_history(config: RunConfig, model: TowerConfig) -> bool:
    return USER_HISTORY in config.feature_set or not model.user_ids


def _n_user_tables(config: RunConfig, model: TowerConfig) -> int:
    """Of embeddings that say who asks: by id, by history or by both."""
    return model.user_ids + _has_history(config, model)


def _tower_widths(config: RunConfig, model: TowerConfig, data: TrainingData) -> tuple[int, int]:
    """Of what the query tower and the movie tower put together."""
    of_query = data.inputs(config.feature_set, Side.USER, Side.CONTEXT)
    n_ids = _n_user_tables(config, model)
    return (
        n_ids * model.embedding_size + _width(of_query, model.embedding_size),
        model.embedding_size + _width(data.inputs(config.feature_set, Side.MOVIE), model.embedding_size),
    )


def _tower_parameters(config: RunConfig, model: TowerConfig, data: TrainingData) -> int:
    inputs = data.inputs(config.feature_set, Side.USER, Side.CONTEXT, Side.MOVIE)
    n_ids = data.n_movies * (1 + _has_history(config, model)) + data.n_users * model.user_ids
    n_rows = n_ids + sum(one.size for one in inputs if not isinstance(one, NumberInput))
    of_query, of_movie = _tower_widths(config, model, data)
    tops = _dense(of_query, *model.query_sizes) + _dense(of_movie, *model.layer_sizes)
    total = n_rows * model.embedding_size + tops + data.n_movies * model.item_bias
    if config.tasks is None:
        return total
    if model.rating_layers:
        width = model.layer_sizes[-1] if model.layer_sizes else model.embedding_size
        return total + _dense(2 * (width + model.item_bias), *model.rating_layers, 1)
    return total + tops + _rating_parameters(model.layer_sizes[-1], data)


def _rating_parameters(size: int, data: TrainingData) -> int:
    """Of `rating.head.RatingLayers`, without its two tops of dense layers."""
    biases = data.n_users + data.n_movies
    pools = POOL_SIZE * (data.n_movies + data.n_users + 2 * size)
    of_pair = _dense(3 * size + N_NUMBERS, *DENSE_SIZES, 1) + N_NUMBERS + 1
    return biases + pools + of_pair + _dense(N_SESSION_NUMBERS + N_NUMBERS, *SESSION_SIZES, 1)


def _tower_step(config: RunConfig, model: TowerConfig, data: TrainingData) -> int:
    """The floats of a step: each layer with its gradient, and the scores with what their gradient takes."""
    assert config.training is not None  # a trained family has it
    is_catalogue = config.training.loss is LossKind.CATALOGUE
    default = catalogue_batch_size(data.n_ratings, data.n_movies) if is_catalogue else IN_BATCH_INTERACTIONS
    has_context = bool(data.inputs(config.feature_set, Side.CONTEXT)) or not is_catalogue
    most = data.n_ratings if has_context else data.n_users
    n_queries = min(config.training.batch_size or default, most)
    of_query, of_movie = _tower_widths(config, model, data)
    floats = 2 * n_queries * (of_query + sum(model.query_sizes))
    n_embedded, n_scores = data.n_movies, n_queries * (data.n_movies if is_catalogue else n_queries)
    if is_catalogue and data.n_movies > MAX_CLASSES:  # what is compared with, and the positives
        n_embedded = min(data.n_movies, CLASSES + -(-n_queries * data.n_ratings // most))
        n_scores = -(-n_queries // QUERY_PARTS) * CLASSES
    floats += 2 * n_embedded * (of_movie + sum(model.layer_sizes)) + 3 * n_scores
    floats += n_queries * data.n_movies * (_has_history(config, model) + 2 * bool(config.tasks))
    return floats


# --- sequences ----------------------------------------------------------------------------------------


def _sequence_parameters(config: RunConfig, model: SequenceConfig, data: TrainingData) -> int:
    size, hidden = model.embedding_size, model.hidden_size
    columns = data.inputs(config.feature_set, Side.MOVIE)
    n_rows = data.n_movies + sum(one.size for one in columns)
    n_times = sum(feature in config.feature_set for feature in (TIME_GAP, QUERY_TIME))
    total = (1 if model.shared_embeddings else 2) * n_rows * size
    if config.family is not Family.GRU4REC:
        total += model.max_length * size + 2 * size
    if config.family is Family.HSTU:
        of_bias = model.max_length + bool(n_times) * (GAP_BUCKETS + 1)
        return total + model.num_layers * (4 * size + 4 * size**2 + _dense(size, size) + of_bias)
    total += n_times * (GAP_BUCKETS + 1) * size
    if config.family is Family.SASREC:
        return total + model.num_layers * (4 * size + 4 * size**2 + _dense(size, hidden, size))
    inputs = [size, *[hidden] * (model.num_layers - 1)]
    recurrent = sum(_dense(width, 3 * hidden) + _dense(hidden, 3 * hidden) for width in inputs)
    return total + recurrent + (_dense(hidden, size) if hidden != size else 0) + 2 * size


def _sequence_step(config: RunConfig, model: SequenceConfig, data: TrainingData) -> int:
    """The floats of a step: its rows, and each device's layers and scores with their gradients."""
    assert config.training is not None  # a trained family has it
    tokens = config.training.batch_size or default_tokens(model, data.n_ratings)
    rows = max(1, tokens if model.windows else round(tokens / model.max_length))
    in_batch = config.training.loss in (LossKind.IN_BATCH, LossKind.IN_BATCH_CORRECTED)
    at_once = (
        rows * model.max_length if in_batch else max(model.max_length, MICRO_BATCH_TOKENS[config.family])
    )
    of_layer = 8 * model.embedding_size
    if config.family.has_setting("hidden_size"):
        of_layer += 6 * model.hidden_size
    if config.family.has_setting("num_heads"):
        of_layer += 3 * model.num_heads * model.max_length
    of_token = model.num_layers * of_layer
    n_scores = rows**2 if in_batch else at_once * min(model.num_negatives, data.n_movies)
    if config.training.loss is LossKind.CATALOGUE:
        n_scores = rows_of_scores(data.n_movies) * data.n_movies
    columns = data.n_movies * sum(one.size for one in data.inputs(config.feature_set, Side.MOVIE))
    devices = 1 if in_batch else min(n_devices(), rows)
    return 14 * rows * model.max_length + columns + devices * 2 * (at_once * of_token + n_scores)


# --- what is refused ----------------------------------------------------------------------------------


def beyond_memory(dataset: Dataset, split: Split, configs: Sequence[RunConfig]) -> dict[RunConfig, str]:
    """Those for which this machine has not the memory, with a sentence: what is needed and available."""
    available = available_bytes()
    if available is None or not configs:
        return {}
    data = _data_of(dataset, split, configs)
    needed = {config: needed_bytes(config, data) for config in configs}
    return {
        config: f"fitting {config.family.label} takes about {n_bytes / 2**30:,.1f} GiB of memory, and"
        f" {available / 2**30:,.1f} GiB are available{_remedy(config, data)}"
        for config, n_bytes in needed.items()
        if n_bytes > available
    }


def require_memory_at_once(dataset: Dataset, split: Split, configs: Sequence[RunConfig], n: int) -> None:
    """Refuses to fit so many at once that this machine has not the memory for the largest of them together.

    Raises:
        MovierecError: says what is needed and available.
    """
    available = available_bytes()
    if available is None or min(n, len(configs)) < 2:
        return
    data = _data_of(dataset, split, configs)
    largest = sorted((needed_bytes(config, data) for config in configs), reverse=True)[:n]
    if sum(largest) > available:
        raise MovierecError(
            f"--jobs {n}: {len(largest)} trainings at once take about {sum(largest) / 2**30:,.1f} GiB of"
            f" memory, and {available / 2**30:,.1f} GiB are available; lower --jobs"
        )


def _data_of(dataset: Dataset, split: Split, configs: Sequence[RunConfig]) -> TrainingData:
    """As any of these see it."""
    features = FeatureSet.parse([name for config in configs for name in config.feature_set.features])
    return TrainingData.of(dataset, split, features)


def _remedy(config: RunConfig, data: TrainingData) -> str:
    """The sizes that are above the family's defaults, if there are any, else all of them."""
    if config.model is None or config.training is None:
        return ""
    given = vars(config.model) | {"batch_size": config.training.batch_size or 0}
    default = vars(config.family.spec.model) | {"batch_size": config.family.spec.training.batch_size or 0}
    sizes = [name for name in _SIZES if given.get(name) and config.family.has_setting(name)]
    large = [name for name in sizes if default[name] is None or given[name] > default[name]]
    options = [f"--{name} {str(given[name]).strip('(),').replace(',', '')}" for name in large or sizes]
    return f"; with {n_parameters(config, data):,} parameters it is too large: lower {listed(options, 'or')}"


_SIZES = (
    *("embedding_size", "layer_sizes", "hidden_size", "max_length", "num_layers", "num_heads"),
    *("num_negatives", "batch_size", "members"),
)


def available_bytes(root: Path = Path("/")) -> int | None:
    """The memory that this process can still have, of the machine and, in a container, of that.

    Args:
        root: where `proc` and `sys` are.

    Returns:
        None where the system does not say.
    """
    left = []
    if (memory := root / "proc/meminfo").exists():
        kibibytes = dict(line.split(":") for line in memory.read_text("ascii").splitlines())
        left.append(1024 * int(kibibytes["MemAvailable"].split()[0]))
    for names in _OF_CONTAINER:
        limit, used = (root / "sys/fs/cgroup" / name for name in names)
        if limit.exists() and (most := limit.read_text("ascii").strip()) != "max":
            left.append(int(most) - int(used.read_text("ascii")))
    return min(left, default=None)


_OF_CONTAINER = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
"""The limit of a control group and what of it is used, of version 2 and of version 1."""
