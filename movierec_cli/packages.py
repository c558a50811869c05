"""Packages that an installation may lack, and what to type then.

`pyproject.toml` has them as dependencies or as extras; a light installation, which asks saved models, has
none of them.
"""

import importlib.util
from collections.abc import Iterable

EXTRAS = {
    "fastapi": "serve",
    "jax": "sequences",
    "keras-rs": "sequences",
    "mlflow": "mlflow",
    "onnx": "onnx",
    "optuna": "tune",
    "prometheus-client": "serve",
    "ray": "cluster",
    "scikit-surprise": "ratings",
    "tensorboard": "tensorboard",
    "uvicorn": "serve",
}
"""The extra that installs a package which the main job does without."""
DEPENDENCIES = (
    "cachier",
    "filelock",
    "implicit",
    "keras",
    "narwhals",
    "plotly",
    "polars",
    "requests",
    "scipy",
    "tensorflow",
    "tensorflow-datasets",
    "tensorflow-recommenders",
    "tf-keras",
    "urllib3",
)
"""What a light installation lacks: it uses saved models, and neither reads data nor trains."""

_IMPORTED_AS = {"scikit-surprise": "surprise"}  # where it is not the name with underscores


def module_of(package: str) -> str:
    """The name that a package is imported by."""
    return _IMPORTED_AS.get(package, package.replace("-", "_"))


def is_installed(package: str) -> bool:
    """Whether a package can be imported, without doing so."""
    return importlib.util.find_spec(module_of(package)) is not None


def lacking(packages: Iterable[str]) -> str | None:
    """The first of some packages that is not installed; those that are not listed here do not count."""
    known = (package for package in packages if package in EXTRAS or package in DEPENDENCIES)
    return next((package for package in known if not is_installed(package)), None)


def how_to_install(package: str) -> str:
    """What to type for a package of movierec's, as an imperative clause."""
    extra = EXTRAS.get(package)
    return f"pip install 'movierec[{extra}]'" if extra else "pip install movierec"


def need_of(package: str) -> str:
    """What is said where a package is needed that is not installed."""
    return f"this needs the package {package}, which is not installed: {how_to_install(package)}"


def sentence_of(error: ModuleNotFoundError) -> str | None:
    """What an import that failed lacks, and what to type; None where the package is not known here."""
    top = (error.name or "").partition(".")[0]
    package = next((one for one in (*EXTRAS, *DEPENDENCIES) if module_of(one) == top), None)
    return None if package is None else need_of(package)
