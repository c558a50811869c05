"""How the Python API is used, for the type checker: a test gives this file to mypy --strict."""

from pathlib import Path

import polars

from movierec_cli import (
    DataConfig,
    FeatureSet,
    MovieLensTrainer,
    MovierecError,
    SavedRun,
    SplitConfig,
    StudyResult,
    TowerConfig,
    TrainerConfig,
    TrainingConfig,
    TuningResult,
    compare,
    load,
    tune,
)
from movierec_cli.config import Family, SplitKind


def trained() -> StudyResult:
    frame = polars.DataFrame({"user": ["ann"], "item": [7], "rating": [5]})
    by_frames = MovieLensTrainer(dataset=frame, items=frame, users=frame.lazy(), columns={"user": "who"})
    by_configs = MovieLensTrainer(TowerConfig(embedding_size=8), TrainingConfig(), SplitConfig())
    whole = MovieLensTrainer(TrainerConfig(data=DataConfig(dataset="sample")))
    by_options = MovieLensTrainer(
        dataset="100k",
        feature_sets=[None, ["timestamp", "movie_genres"], "week", FeatureSet()],
        family=Family.TWO_TOWER,
        split=SplitKind.TEMPORAL,
        num_epochs=20,
        layer_sizes=[64, 32],
        baselines="all",
        archive=Path("x"),
        seeds=2,
        deploy=True,
    )
    by_options.write_config("study.toml")
    config: TrainerConfig = whole.config
    return [one.run() for one in (by_frames, by_configs, by_options, whole)][config.n_seeds]


def asked(run: SavedRun) -> list[polars.DataFrame]:
    return [
        run.recommend(user=1, top=5, genre="Drama", diversity=0.3),
        run.recommend(liked=["Alien"], disliked=[590], include_seen=True),
        run.recommend(users=[1, 2], year=1994),
        run.recommend(together=[1, "Ann=Alien; Heat"], fairness="average"),
        run.similar("Alien", min_popularity=10),
        run.predict(1, ["Alien"]),
        run.evaluate(split="temporal"),
        run.user_embeddings(),
        run.item_embeddings(),
    ]


def searched() -> polars.DataFrame:
    space = {"learning_rate": "0.001..0.03:log", "embedding_size": [32, 64], "layer_sizes": [[64], [128, 64]]}
    found: TuningResult = tune("100k", families=["two-tower", "hybrid"], trials=40, space=space, jobs=2)
    tune(polars.DataFrame(), timeout="1h", space="dropout", select_features=None, feature_sets=[None])
    best: SavedRun = found.best
    print(found.answer[0], best.name, found.options["dropout"], found.write_page("tuning.html"))
    return found.trials()


def compared() -> polars.DataFrame:
    try:
        result = compare([load("sample-none"), load("sample-ease", "models")], metric="recall@10")
    except MovierecError as error:
        raise SystemExit(str(error)) from error
    best: SavedRun = result.best
    print(result.answer[0], best.name, result.charts(height=600), result.study.headline)
    return result.metrics()
