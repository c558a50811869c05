import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from movierec_cli.export.export_run import export_run
from movierec_cli.export.kinds import ExportFormat
from movierec_cli.export.npz_model import to_npz
from movierec_cli.recommend.recommend import recommend
from movierec_cli.recommend.users import user_of
from movierec_cli.registry.store import Run
from tests.export.expected_lists import CONTEXTS, timed_run
from tests.saved_runs import judged_run, run_config, sequence_config
from tests.small_dataset import small_dataset, with_text_ids


@pytest.fixture(params=["numbers", "texts"])
def run(tmp_path: Path, request: pytest.FixtureRequest) -> Run:
    if request.param == "numbers":
        return timed_run(tmp_path / "saved_models")
    return judged_run(tmp_path / "saved_models", with_text_ids(small_dataset()), run_config(*CONTEXTS))


@pytest.fixture
def model(run: Run, tmp_path: Path) -> Any:
    return np.load(export_run(run, ExportFormat.NPZ, tmp_path / "model.npz").path)  # which unpickles nothing


def printed_by(code: str) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, "README.txt", "exec"), {})
    return out.getvalue()


def test_the_lines_in_its_readme_recommend_what_recommend_does(
    run: Run, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    readme = model["README.txt"].decode()
    lines = readme[readme.index("import numpy") :]
    assert len(lines.strip().splitlines()) == 10
    for user_id in run.artifacts.user_ids.tolist():
        titles = np.array([movie.title for movie in recommend(run, user_of(run, user_id)).movies])
        assert (
            printed_by(lines.replace(f"== {run.artifacts.user_ids.tolist()[0]!r})", f"== {user_id!r})"))
            == f"{titles}\n"
        )


def test_every_array_is_the_runs_and_is_named_in_the_readme(run: Run, model: Any) -> None:
    artifacts, known = run.artifacts, run.user_ratings
    expected = {
        "user_id": artifacts.user_ids,
        "movie_id": artifacts.movie_ids,
        "user_embedding": artifacts.user_embeddings,
        "movie_embedding": artifacts.movie_embeddings,
        "title": run.catalogue.title.astype(str),
        "year": run.catalogue.year,
        "same_as": run.duplicates.first,
        "genres": run.catalogue.genres,
        "genre_name": np.array(run.catalogue.genre_names),
        "seen_start": known.starts,
        "seen_movie": known.movie,
        "seen_stars": known.stars,
        "seen_seconds": known.seconds,
    }
    for name, array in expected.items():
        np.testing.assert_array_equal(model[name], array)
    readme = model["README.txt"].decode()
    arrays = [name for name in model.files if not name.endswith((".txt", ".json"))]
    assert set(expected) <= set(arrays)
    described = {line.split()[0]: line for line in readme.splitlines() if line.strip()}
    for name in arrays:
        assert " x ".join(map(str, model[name].shape)) in described[name]


def test_towers_and_vocabularies_make_the_embeddings_again(run: Run, model: Any) -> None:
    tables = sorted(name for name in model.files if name.startswith("towers/query/0"))
    codes = iter(model["towers/codes"].T)
    rows = np.arange(len(model["user_id"]))
    looked_up = [model[name][next(codes) if "/context/" in name else rows] for name in tables]
    kernel, bias = model["towers/query/kernel/00"], model["towers/query/bias/00"]
    embeddings = np.concatenate(looked_up, axis=1) @ kernel + bias
    np.testing.assert_allclose(embeddings, model["user_embedding"], rtol=1e-4, atol=1e-5)
    assert json.loads(model["vocabularies.json"]) == run.artifacts.vocabularies


def test_a_model_of_sequences_has_no_towers(tmp_path: Path) -> None:
    run = judged_run(tmp_path, small_dataset(), sequence_config("query_time"))
    model: Any = np.load(io.BytesIO(to_npz(run)))
    assert not [name for name in model.files if name.startswith("towers")]
    assert "towers" not in model["README.txt"].decode()


def test_equal_runs_make_equal_files(run: Run) -> None:
    assert to_npz(run) == to_npz(run)
