"""What a light installation can do with saved models, and what it says to the rest."""

from pathlib import Path

from tests.saved_runs import judged_run, run_config
from tests.small_dataset import small_dataset

WORKS = (
    "models list",
    "models show NAME",
    "recommend --user 1",
    "recommend --user 1 --why --json",
    "recommend --liked id:105 --csv lists.csv",
    "recommend --users all --csv many.csv",
    "similar id:105",
    "explore --output explore.html",
    "export --format npz --output exported",
    "data info",
    "schema recommend",
    "recommend --help",
    "train --help",
)
LACKS = {
    "train --dataset sample": (
        "two towers cannot be trained: this needs the package tensorflow, which is not installed: pip install"
    ),
    "train --archive ratings.csv": "the package polars, which is not installed: pip install movierec",
    "evaluate": "which is not installed: pip install movierec",
    "tune --dataset sample": "tune needs the package optuna: pip install 'movierec[tune]'",
    "export --output served": "pip install movierec",
    "export --format onnx --output onnx": "pip install 'movierec[onnx]'",
}
"""Commands that need more, with part of what they say; all end with 1."""


def save_a_model(folder: Path) -> str:
    """Saves a model in a folder, beside a file of ratings, and gives its name."""
    (folder / "ratings.csv").write_text("user,item,rating\n1,1,5\n", encoding="utf-8")
    return judged_run(folder / "saved_models", small_dataset("1m"), run_config("movie_genres")).record.name
