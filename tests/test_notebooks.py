"""The notebooks of the documentation run from top to bottom, and what they show can be shown."""

import ast
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli import fake_trainer

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTEBOOKS = sorted(path.name for path in DOCS.glob("*.ipynb"))


def shown_by(source: str, namespace: dict[str, Any]) -> Any:
    """Runs a cell; gives the value of its last line, where that is an expression, as a notebook does."""
    *before, last = ast.parse(source).body
    is_shown = isinstance(last, ast.Expr)
    exec(compile(ast.Module(before if is_shown else [*before, last], []), "<cell>", "exec"), namespace)
    return eval(compile(ast.Expression(last.value), "<cell>", "eval"), namespace) if is_shown else None


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_trainer.install(monkeypatch)
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((DOCS / name).read_text(encoding="utf-8"))
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    namespace: dict[str, Any] = {}
    n_rich = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None  # nothing of a machine is kept
            shown = shown_by("".join(cell["source"]), namespace)
            n_rich += hasattr(shown, "_repr_html_") and len(shown._repr_html_()) > 100
    assert n_rich >= 3


def test_the_notebooks_are_named_on_the_page_of_python() -> None:
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    assert len(NOTEBOOKS) == 2 and all(f"docs/{name}" in page for name in NOTEBOOKS)
