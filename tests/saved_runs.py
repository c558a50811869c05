"""Records and artifacts for tests of whatever is built from saved runs."""

import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from movierec_cli.config import (
    FEATURES,
    QUERY_TIME,
    TIME_GAP,
    Family,
    Feature,
    FeatureSet,
    SequenceConfig,
    Side,
    SplitConfig,
    SplitKind,
    TaskWeights,
    TowerConfig,
    TrainingConfig,
    default_settings,
)
from movierec_cli.data.dataset import Dataset, Movies
from movierec_cli.data.split import Split, SplitSummary, split_ratings, summarize_split
from movierec_cli.data.split_data import restrict, split_data
from movierec_cli.evaluation.best_lists import NO_MOVIE
from movierec_cli.evaluation.evaluate import evaluate
from movierec_cli.evaluation.metrics import NO_TOP_K, TopK, top_k_of
from movierec_cli.evaluation.outcome import LIST_LENGTH, Outcome
from movierec_cli.evaluation.queries import GroupedQueries, Targets, queries_by_user
from movierec_cli.evaluation.ranks import Ranks, RanksByMode
from movierec_cli.evaluation.ratings import RatingOutcome, clipped, rating_errors, rating_scale
from movierec_cli.experiment.trainer import train_or_load
from movierec_cli.models.baselines.baseline import Kept
from movierec_cli.models.baselines.fit_baseline import kept_parts
from movierec_cli.models.feature_encodings import encode_features, fit_features
from movierec_cli.models.observer import TrainingObserver
from movierec_cli.models.rating.evidence import N_USER_NUMBERS
from movierec_cli.models.two_tower.query_batches import last_queries
from movierec_cli.registry import store
from movierec_cli.registry.record import DataIdentity, EpochRecord, RunConfig, RunRecord, run_name
from movierec_cli.registry.run_parts import RunArtifacts, RunParts, UserRatings
from movierec_cli.scoring.item_weights import Histories, ItemWeights
from movierec_cli.scoring.rating_head import RatingHead
from movierec_cli.scoring.sequence_network import HISTORY_TABLE, NETWORK, SequenceNetwork
from movierec_cli.scoring.towers import HISTORY, TowerInput, Towers
from movierec_cli.scoring.towers import Tower as TowerArrays
from movierec_cli.storage.serialization import canonical_json

KS = (1, 5, 10, 50, 100)
SPLIT_SUMMARY = SplitSummary(
    n_train=760,
    n_validation=40,
    n_test=200,
    train_times=(956_000_000, 975_000_000),
    validation_times=(956_000_000, 975_000_000),
    test_times=(956_000_000, 975_000_000),
    n_test_users=3,
    n_cold_users=0,
    n_cold_user_ratings=0,
    n_cold_movies=1,
    n_cold_movie_ratings=2,
    n_left_out=0,
)


CREATED_AT = "2026-01-02T03:04:05+00:00"


def top_k(level: float) -> TopK:
    unseen = {k: level * k / 100 for k in KS}
    return TopK(unseen=unseen, all={k: value / 2 for k, value in unseen.items()}, recall=unseen)


def data_identity(**changes: object) -> DataIdentity:
    identity = DataIdentity(
        name="1m",
        description="MovieLens 1M",
        fingerprint="ab" * 32,
        lengths_fingerprint="",
        n_ratings=1000,
        n_movies=4,
        n_users=3,
    )
    return replace(identity, **changes)  # type: ignore[arg-type]


def run_config(*features: str, **training: object) -> RunConfig:
    return RunConfig(
        family=Family.TWO_TOWER,
        feature_set=FeatureSet.parse(features or ["None"]),
        split=SplitConfig(),
        model=TowerConfig(),
        training=TrainingConfig(**training),  # type: ignore[arg-type]
    )


def run_record(
    *features: str, level: float = 0.4, data: DataIdentity | None = None, **changes: object
) -> RunRecord:
    config, data = run_config(*features), data or data_identity()
    history = tuple(
        EpochRecord(
            epoch=epoch,
            train_loss=7.0 - epoch / 10,
            elapsed_s=0.2 * epoch,
            validation=top_k(gain * level),
            ndcg=gain * level / 4,
        )
        for epoch, gain in ((5, 0.8), (10, 0.95), (15, 1.0), (20, 0.99))
    )
    record = RunRecord(
        name=run_name(config, data),
        config=config,
        data=data,
        versions={"movierec": "0.1.0", "tensorflow": "2.21.0"},
        created_at=CREATED_AT,
        split_summary=SPLIT_SUMMARY,
        settings={},
        n_parameters=123_456,
        best_epoch=15,
        epochs_run=20,
        training_s=4.0,
        validation_s=0.5,
        history=history,
        test=top_k(level),
        command="movierec train --dataset sample",
    )
    return replace(record, **changes)  # type: ignore[arg-type]


def run_artifacts(*, n_users: int = 3, n_movies: int = 4, dim: int = 2, seed: int = 0) -> RunArtifacts:
    rng = np.random.default_rng(seed)
    return RunArtifacts(
        weights={
            "user_tower/id:0": rng.normal(size=(n_users, dim)).astype(np.float32),
            "file": np.array(3.0),
        },
        vocabularies={"movie_title_text": ["alien", "été"], "timestamp": {"mean": 0.5, "boundaries": [1, 2]}},
        user_ids=np.arange(1, n_users + 1, dtype=np.int64),
        movie_ids=np.arange(10, n_movies + 10, dtype=np.int64),
        user_embeddings=rng.normal(size=(n_users, dim)).astype(np.float32),
        movie_embeddings=rng.normal(size=(n_movies, dim)).astype(np.float32),
    )


def run_outcome(*, n_users: int = 3, n_movies: int = 4) -> Outcome:
    """Each user has one test rating, ranked second of all movies and first of the unseen."""
    users = np.arange(n_users, dtype=np.int32)
    ones, zeros = np.ones(n_users, np.int32), np.zeros(n_users, np.int32)
    lists = np.full((n_users, LIST_LENGTH), NO_MOVIE, np.int32)
    lists[:, 0] = users % n_movies
    return Outcome(
        rows=users.astype(np.int64),
        user_index=users,
        movie_index=lists[:, 0].copy(),
        at_their_time=RanksByMode.of(Ranks(ones, ones), Ranks(zeros, ones)),
        at_one_time=None,
        users=users,
        n_unseen=np.full(n_users, n_movies - 1, np.int32),
        top_movies=lists,
        n_movies=n_movies,
    )


def save_run(
    directory: Path, record: RunRecord, artifacts: RunArtifacts, source: Dataset | None = None
) -> store.Run:
    """Saves a run with an outcome that fits, and the movies and ratings of a data set if one is given."""
    parts = run_parts(artifacts, family=record.config.family)
    sizes = {"n_users": len(artifacts.user_ids), "n_movies": len(artifacts.movie_ids)}
    record = replace(record, data=replace(record.data, **sizes))
    return store.save_run(
        directory, record, parts if source is None else parts.with_data(source, source.movies)
    )


@dataclass(frozen=True)
class EmbeddingModel:
    """Scores by the dot product of a user and a movie, whatever the time."""

    users: npt.NDArray[np.float32]  # [n_users, dim]
    movies: npt.NDArray[np.float32]  # [n_movies, dim]

    def group_queries(self, targets: Targets) -> GroupedQueries:
        return queries_by_user(targets.user_index, lambda rows: self.users[rows] @ self.movies.T)


def judged_run(
    directory: Path,
    source: Dataset,
    config: RunConfig,
    *,
    seed: int | None = None,
    created_at: str = CREATED_AT,
) -> store.Run:
    """Saves a run as a training of `config` would leave it: evaluated on its own test set, at random.

    Its embeddings are random: another configuration or seed, other ones. So is the rating head of a model
    with two tasks; its rating outcome is what the head says of the test ratings.
    """
    dataset, record, parts = _judged(source, config, seed, created_at)
    if parts.rating_outcome is not None:
        record = replace(record, ratings=rating_errors(parts.rating_outcome))
    return store.save_run(directory, record, parts.with_data(source, dataset.movies))


def baseline_run(
    directory: Path, source: Dataset, family: Family, split: SplitConfig | None = None
) -> store.Run:
    """Fits and saves a baseline."""
    config = RunConfig(family=family, split=split or SplitConfig())
    data = split_data(source, config.split)
    return train_or_load(data, [config], directory, TrainingObserver())[0]


def baseline_parts(outcome: Outcome, artifacts: RunArtifacts, family: Family = Family.EASE) -> RunParts:
    """Of a baseline that nothing was fitted to: weights of zeros between all movies, no histories."""
    parts = run_parts(artifacts, family=Family.SASREC)
    n_users, n_movies = len(artifacts.user_ids), len(artifacts.movie_ids)
    weights = ItemWeights(np.zeros(n_movies**2, np.float32))
    starts = n_movies * np.arange(n_movies + 1)
    empty = np.zeros(n_users + 1, np.int64), np.zeros(0, np.int32)
    has_weights = family.has_item_weights
    return replace(
        parts,
        outcome=outcome,
        artifacts=replace(artifacts, popularity=np.arange(n_movies, dtype=np.float32)),
        histories=Histories.of(*empty, weights, starts) if has_weights else None,
        item_weights=weights if has_weights else None,
    )


FIT_FIGURES = (
    *("n_parameters", "settings", "best_epoch", "epochs_run"),
    *("training_s", "validation_s", "history"),
)


def random_fit(dataset: Dataset, config: RunConfig) -> tuple[dict[str, Any], RunParts]:
    """What a training of `config` would give to the registry: figures of the record, and parts."""
    _, _, parts = _judged(dataset, config, None, CREATED_AT)
    return fit_figures(), parts


def fit_figures() -> dict[str, Any]:
    """How every training of a random model goes."""
    record = run_record()
    return {name: getattr(record, name) for name in FIT_FIGURES}


def multi_task_config(
    *features: str, rating: float = 0.3, retrieval: float = 1.0, **training: object
) -> RunConfig:
    return replace(
        run_config(*features, **training),
        family=Family.MULTI_TASK,
        model=default_settings(rates=True).model,
        tasks=TaskWeights(retrieval=retrieval, rating=rating),
    )


def sequence_config(
    *features: str, family: Family = Family.SASREC, split: SplitConfig | None = None, **training: object
) -> RunConfig:
    common = default_settings(family)
    return replace(
        run_config(*features, **training),
        family=family,
        split=split or SplitConfig(kind=SplitKind.LEAVE_LAST),
        model=common.model,
    )


class _Drawn(SequenceNetwork):
    """A network whose weights are drawn as they are asked for."""

    def __init__(self, config: SequenceConfig, n_movies: int):
        self.rng = np.random.default_rng(n_movies)
        table = self.rng.normal(size=(n_movies, config.embedding_size)).astype(np.float32)
        self.drawn: dict[str, npt.NDArray[np.float32]] = {}
        super().__init__({HISTORY_TABLE: table}, config, n_movies)

    def _weight(self, *shape: int) -> npt.NDArray[np.float32]:
        weight = self.rng.normal(0, 0.5, shape).astype(np.float32)
        self.drawn[f"{NETWORK}{len(self.drawn):02d}/drawn"] = weight
        return weight


def sequence_run(directory: Path, source: Dataset, family: Family, *features: str, **sizes: Any) -> store.Run:
    """Saves a model of sequences that reads histories: its network's weights are random."""
    chosen = {"embedding_size": 8, "max_length": 6, "num_layers": 2, "num_heads": 2, "hidden_size": 12}
    model = SequenceConfig(**(chosen | sizes))  # type: ignore[arg-type]
    config = replace(sequence_config(*features, family=family), model=model)
    run = judged_run(directory, source, config)
    n_users, n_movies, size = len(run.artifacts.user_ids), len(run.artifacts.movie_ids), model.embedding_size
    network, one = _Drawn(model, n_movies), np.zeros(1, np.int64)
    gaps = [one if feature in config.feature_set else None for feature in (TIME_GAP, QUERY_TIME)]
    network.read(family, one, *gaps)
    tables = np.random.default_rng(n_users).normal(size=(n_users + n_movies, size)).astype(np.float32)
    arrays = replace(
        run.artifacts,
        weights=network.drawn | {HISTORY_TABLE: network._named[HISTORY_TABLE]},
        user_embeddings=tables[:n_users],
        movie_embeddings=tables[n_users:],
    )
    return store.save_run(directory, run.record, replace(run.parts(), artifacts=arrays))


def rating_head(
    *,
    n_users: int = 3,
    n_movies: int = 4,
    mean: float = 3.5,
    scale_of_stars: tuple[float, float] = (1.0, 5.0),
    numbers_of_user: int = 1,
    seed: int = 0,
) -> RatingHead:
    """A random head with every part there can be."""
    rng = np.random.default_rng(seed)

    def floats(*shape: int, spread: float = 1.0) -> npt.NDArray[np.float32]:
        return rng.normal(0, spread, shape).astype(np.float32)

    width, hidden, numbers_of_movie, n_genres = 3, 5, 2, 2
    numbers = numbers_of_user + numbers_of_movie + 1
    return RatingHead(
        user_vectors=floats(n_users, width),
        movie_vectors=floats(n_movies, width),
        user_bias=floats(n_users, spread=0.3),
        movie_bias=floats(n_movies, spread=0.3),
        user_numbers=floats(n_users, numbers_of_user),
        movie_numbers=floats(n_movies, numbers_of_movie),
        user_tastes=floats(n_users, n_genres),
        movie_genres=np.abs(floats(n_movies, n_genres)),
        linear=floats(numbers, spread=0.1),
        dense=(
            (floats(3 * width + numbers, hidden, spread=0.2), floats(hidden, spread=0.1)),
            (floats(hidden, 1, spread=0.2), floats(1, spread=0.1)),
        ),
        scale=0.25,
        mean=mean,
        lowest=scale_of_stars[0],
        highest=scale_of_stars[1],
    )


HOW_MUCH_IS_KNOWN = {Family.GLOBAL_MEAN: 0.0, Family.RATING_BIAS: 0.3, Family.BIASED_MF: 0.4}


def rating_baseline_run(
    directory: Path,
    source: Dataset,
    family: Family,
    *,
    split: SplitConfig | None = None,
    created_at: str = CREATED_AT,
) -> store.Run:
    """Saves a rating baseline as if it had been fitted: biased MF errs least, the global mean most."""
    config = RunConfig(family=family, split=split or SplitConfig())
    data = split_data(source, config.split)
    figures, parts = random_rating_baseline(data.dataset, config)
    identity = DataIdentity.of(data.dataset)
    assert parts.rating_outcome is not None
    record = replace(
        run_record(),
        name=run_name(config, identity),
        config=config,
        data=identity,
        created_at=created_at,
        split_summary=data.summary,
        test=NO_TOP_K,
        ratings=rating_errors(parts.rating_outcome),
        **figures,
    )
    return store.save_run(directory, record, parts)


def random_rating_baseline(dataset: Dataset, config: RunConfig) -> tuple[dict[str, Any], RunParts]:
    """What the fit of a rating baseline would give to the registry."""
    split, ratings = split_ratings(dataset.ratings, config.split), dataset.ratings
    mean, stars = ratings.rating[split.fit].mean(), ratings.rating[split.test]
    known = HOW_MUCH_IS_KNOWN[config.family]
    seed = list(HOW_MUCH_IS_KNOWN).index(config.family)
    noise = np.random.default_rng(seed).normal(0, known / 2, len(split.test))
    predicted = clipped(mean + known * (stars - mean) + noise, dataset)
    outcome = RatingOutcome(split.test, ratings.user_index[split.test], stars, predicted)
    settings = {} if config.family is Family.GLOBAL_MEAN else {"l2": 5.0}
    figures = fit_figures() | {"settings": settings, "best_epoch": 0, "epochs_run": 0, "history": ()}
    return figures, RunParts(rating_outcome=outcome)


def _tower(
    id_name: str,
    embeddings: npt.NDArray[np.float32],
    sizes: dict[Feature, int],
    codes: npt.NDArray[Any],
    *,
    is_context: bool,
) -> TowerArrays:
    """A linear tower of these embeddings: ids, and a random table for each feature."""
    dim = embeddings.shape[1]
    rng = np.random.default_rng(len(embeddings))
    tables = {name: rng.normal(size=(n, dim)).astype(np.float32) for name, n in sizes.items()}
    of_ids = embeddings - sum(table[column] for table, column in zip(tables.values(), codes.T, strict=True))
    inputs = [TowerInput(id_name, False, of_ids.astype(np.float32))]
    inputs += [TowerInput(str(name), is_context, table) for name, table in tables.items()]
    kernel = np.tile(np.eye(dim, dtype=np.float32), (len(inputs), 1))
    return TowerArrays(tuple(inputs), ((kernel, np.zeros(dim, np.float32)),))


def run_parts(artifacts: RunArtifacts, *, family: Family = Family.TWO_TOWER) -> RunParts:
    """Parts that fit artifacts of movies that nobody heard of and users who rated the first of them."""
    n_users, n_movies = len(artifacts.user_ids), len(artifacts.movie_ids)
    no_codes = np.zeros((1, 0), np.int64)
    return RunParts(
        outcome=run_outcome(n_users=n_users, n_movies=n_movies),
        artifacts=artifacts,
        catalogue=Movies(
            movie_id=artifacts.movie_ids,
            title=np.array([f"Film {i} (1999)" for i in artifacts.movie_ids], object),
            year=np.full(n_movies, 1999, np.int16),
            genres=np.arange(n_movies)[:, None] % 2 == np.arange(2),
            genre_names=("Comedy", "Drama"),
        ),
        user_ratings=UserRatings.of_columns(
            starts=np.arange(n_users + 1, dtype=np.int64),
            movie=np.zeros(n_users, np.int32),
            stars=np.full(n_users, 4, np.float32),
            seconds=np.full(n_users, 1_000_000_000, np.int64),
            n_movies=n_movies,
        ),
        towers=None
        if family.is_sequential
        else Towers(
            _tower("user_id", artifacts.user_embeddings, {}, no_codes, is_context=True),
            _tower("movie_id", artifacts.movie_embeddings, {}, no_codes, is_context=False),
            codes=np.zeros((n_users, 0), np.int32),
        ),
    )


def _judged(
    source: Dataset, config: RunConfig, seed: int | None, created_at: str
) -> tuple[Dataset, RunRecord, RunParts]:
    """The data set as the split wants it, and a random model: its record and a training's parts."""
    assert config.training is not None
    dataset = restrict(source, min_rating=config.split.min_rating, k_core=config.split.k_core)
    split = split_ratings(dataset.ratings, config.split)
    fitted = FeatureSet(tuple(feature for feature in config.feature_set.features if feature in FEATURES))
    vocabularies = fit_features(dataset, split.train, fitted)
    data = DataIdentity.of(dataset, config.feature_set)
    seed = zlib.crc32(canonical_json(config).encode()) if seed is None else seed
    arrays = replace(
        run_artifacts(n_users=len(dataset.users), n_movies=len(dataset.movies), dim=4, seed=seed),
        vocabularies={str(feature): vocabulary for feature, vocabulary in vocabularies.items()},
        user_ids=dataset.users.user_id,
        movie_ids=dataset.movies.movie_id,
    )
    model = EmbeddingModel(arrays.user_embeddings, arrays.movie_embeddings)
    outcome = evaluate(dataset, split.fit, split.test, model)
    record = replace(
        run_record(),
        name=run_name(config, data),
        config=config,
        data=data,
        created_at=created_at,
        split_summary=summarize_split(dataset, split, len(source.ratings) - len(dataset.ratings)),
        test=top_k_of(outcome),
    )
    towers = None if config.family.is_sequential else _towers(dataset, split, arrays, vocabularies)
    parts = RunParts(outcome=outcome, artifacts=arrays, towers=towers)
    if config.family is Family.HYBRID:
        parts = _with_histories(parts, dataset, split)
    # another seed: other numbers than the artifacts'
    return dataset, record, parts if config.tasks is None else _with_head(parts, dataset, split, seed + 1)


def _with_histories(parts: RunParts, dataset: Dataset, split: Split) -> RunParts:
    """As a hybrid has them: users are inputs by their histories, and item-item weights are all 0."""
    towers, artifacts = parts.towers, parts.artifacts
    assert towers is not None and artifacts is not None
    ids, *others = towers.query.inputs
    query = replace(towers.query, inputs=(replace(ids, name=HISTORY), *others))
    weights = np.zeros((len(dataset.movies), len(dataset.movies)), np.float32)
    own = kept_parts(dataset, split.fit, Kept(np.zeros(len(dataset.movies), np.float32), weights=weights))
    towers = replace(towers, query=query, history=artifacts.movie_embeddings)
    return replace(parts, towers=towers, histories=own.histories, item_weights=own.item_weights)


def _with_head(parts: RunParts, dataset: Dataset, split: Split, seed: int) -> RunParts:
    """With a random rating head, and what it says of the test ratings."""
    ratings, test = dataset.ratings, split.test
    head = rating_head(
        numbers_of_user=N_USER_NUMBERS,
        n_users=len(dataset.users),
        n_movies=len(dataset.movies),
        mean=float(ratings.rating[split.fit].mean()),
        scale_of_stars=rating_scale(dataset),
        seed=seed,
    )
    predicted = head.stars(ratings.user_index[test], ratings.movie_index[test])
    outcome = RatingOutcome(test, ratings.user_index[test], ratings.rating[test], predicted)
    return replace(parts, rating_outcome=outcome, rating_head=head)


def _towers(
    dataset: Dataset, split: Split, arrays: RunArtifacts, vocabularies: dict[Feature, dict[str, Any]]
) -> Towers:
    """Random contexts and movie features; the ids make up for what these take from the embeddings."""
    queries = last_queries(dataset, split.fit, vocabularies)
    contexts = encode_features(dataset, vocabularies, Side.CONTEXT)
    movie_features = encode_features(dataset, vocabularies, Side.MOVIE)
    n_movies = len(dataset.movies)
    sizes = {feature: columns[0].size for feature, columns in contexts.items()}  # type: ignore[union-attr]
    every_movie = np.repeat(np.arange(n_movies)[:, None], len(movie_features), axis=1)
    movie_sizes = dict.fromkeys(movie_features, n_movies)
    return Towers(
        query=_tower("user_id", arrays.user_embeddings, sizes, queries.contexts, is_context=True),
        movie=_tower("movie_id", arrays.movie_embeddings, movie_sizes, every_movie, is_context=False),
        codes=queries.contexts,
    )
