"""Imports go downwards only, and heavy packages are imported only where they are needed."""

import ast
from collections import Counter
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "movierec_cli"
MODULES = sorted(PACKAGE.rglob("*.py"))

LAYERS = (
    {"cores", "errors", "packages", "records", "text"},
    {"files"},
    {"runners"},
    {"config"},
    {"storage"},
    {"data"},
    {"evaluation"},
    {"scoring"},
    {"registry"},
    {"models"},
    {"recommend", "leakage", "training_logs"},
    {"experiment", "export"},
    {"contract"},
    {"reports"},
    {"api", "plugins", "serving"},
    {"cli", "__main__"},
)
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
LAZY = {
    "tensorflow",
    "tensorflow_recommenders",
    "tensorflow_datasets",
    "tf_keras",
    "keras",
    "plotly",
    "implicit",
    "scipy",
    "threadpoolctl",
    "cachier",
    "requests",
    "surprise",
    "jax",
    "keras_rs",
    "onnx",
    "onnxruntime",
    "tensorboard",
    "mlflow",
    "optuna",
    "ray",
    "fastapi",
    "prometheus_client",
    "uvicorn",
}
"""Packages that take long to import; outside `models` they are imported inside functions only."""


def part_of(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def at_import_time(tree: ast.Module) -> Iterator[str]:
    """What is imported when the module is, leaving out functions and TYPE_CHECKING."""
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from imports(node)
        todo.extend(ast.iter_child_nodes(node))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downwards_only(module: Path) -> None:
    own = part_of(module)
    for name in imports(ast.parse(module.read_text(encoding="utf-8"))):
        package, _, rest = name.partition(".")
        if package != "movierec_cli" or rest == "__version__":
            continue
        part = rest.partition(".")[0]
        assert part in LEVEL, f"{part} has no layer; give it one above"
        if own == "__init__" or part == own:
            continue
        assert LEVEL[part] < LEVEL[own] or own == "__main__", f"{own} imports {name}, which is not below it"


def file_of(name: str) -> Path | None:
    """The module that an imported name is or lies in."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    places = (path.with_suffix(".py"), path / "__init__.py", path.parent.with_suffix(".py"))
    return next((place for place in places if place in MODULES), None)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module: {
            inside
            for name in imports(ast.parse(module.read_text(encoding="utf-8")))
            if name.startswith("movierec_cli.") and (inside := file_of(name)) not in (None, module)
        }
        for module in MODULES
        if module.name != "__init__.py"
    }
    try:
        order = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" → ".join(str(module.relative_to(PACKAGE)) for module in error.args[1]))
    assert len(order) >= len(graph)


def test_no_basename_stands_for_two_things() -> None:
    """A command and the library behind it may share one."""
    names = Counter(module.name for module in MODULES if module.name != "__init__.py")
    commands = {module.name for module in (PACKAGE / "cli" / "commands").glob("*.py")}
    twice = {name for name, n in names.items() if n > 1}
    assert twice <= commands and len(twice) <= 6
    assert max(names.values()) <= 2


def loaded_with(module: Path) -> set[str]:
    """Every outside package that is imported when a module is."""
    packages: set[str] = set()
    todo, done = [module], set[Path]()
    while todo:
        current = todo.pop()
        done.add(current)
        for name in at_import_time(ast.parse(current.read_text(encoding="utf-8"))):
            inside = file_of(name) if name.startswith("movierec_cli.") else None
            packages.add(name.partition(".")[0])
            todo += [inside] if inside is not None and inside not in done else []
    return packages


SERVING = {"fastapi", "prometheus_client", "uvicorn"}  # of the extra, which only `serve` imports
WITHOUT_MODELS = [module for module in MODULES if part_of(module) != "models"]


@pytest.mark.parametrize("module", WITHOUT_MODELS, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_model_building_modules_bring_heavy_packages_with_them(module: Path) -> None:
    own = SERVING if part_of(module) == "serving" else set()
    assert not loaded_with(module) & (LAZY - own)


def test_the_test_before_sees_through_modules() -> None:
    assert "numpy" in loaded_with(PACKAGE / "data" / "load.py")
    assert "tensorflow" in loaded_with(PACKAGE / "models" / "two_tower" / "two_tower.py")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_is_unpickled(module: Path) -> None:
    tree = ast.parse(module.read_text(encoding="utf-8"))
    names = {name.partition(".")[0] for name in imports(tree)}
    assert not names & {"pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
    allowed = [
        node for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg == "allow_pickle"
    ]
    assert all(isinstance(node.value, ast.Constant) and node.value.value is False for node in allowed)
