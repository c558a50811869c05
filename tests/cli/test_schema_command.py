"""The schemas that `movierec schema` prints hold for what the commands print."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from movierec_cli.cli.app import app
from movierec_cli.cli.console import SCHEMA_VERSION
from movierec_cli.data import load
from tests.all_tests import needs
from tests.cli import fake_trainer
from tests.cli.running import commands, run
from tests.contract.own_packages import Install
from tests.contract.own_packages import own_package as own_package
from tests.saved_runs import judged_run, multi_task_config, run_config
from tests.small_dataset import small_dataset

KINDS = {
    "null": type(None),
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "string": str,
    "array": list,
    "object": dict,
}


def problems(value: Any, schema: dict[str, Any], definitions: dict[str, Any], place: str = "") -> list[str]:
    """What is wrong with a value, by the part of JSON Schema that is used here."""
    if "$ref" in schema:
        return problems(value, definitions[schema["$ref"].rpartition("/")[2]], definitions, place)
    if "anyOf" in schema:
        found = [problems(value, one, definitions, place) for one in schema["anyOf"]]
        return [] if any(not one for one in found) else min(found, key=len)
    if "enum" in schema and value not in schema["enum"]:
        return [f"{place}: {value!r} is not among {schema['enum']}"]
    kind = KINDS[schema["type"]] if "type" in schema else object
    if not isinstance(value, kind) or (isinstance(value, bool) and kind not in (bool, object)):
        return [f"{place}: {value!r} is no {schema['type']}"]
    if isinstance(value, dict):
        own = schema.get("properties", {})
        others = schema.get("additionalProperties", True)
        wrong = [f"{place}.{key} is missing" for key in schema.get("required", []) if key not in value]
        for key, one in value.items():
            if key not in own and others is False:
                wrong.append(f"{place}.{key} is not in the schema")
            inner = own.get(key, others)
            wrong += problems(one, inner if isinstance(inner, dict) else {}, definitions, f"{place}.{key}")
        return wrong
    if isinstance(value, list):
        items = schema.get("prefixItems", [schema.get("items", {})] * len(value))
        if len(items) != len(value):
            return [f"{place}: {len(value)} values, not {len(items)}"]
        pairs = zip(value, items, strict=True)
        return [one for n, (v, s) in enumerate(pairs) for one in problems(v, s, definitions, f"{place}[{n}]")]
    return []


LINES = (
    "demo --output other",
    "train --saved_models_dir other --preset tfrs-context --generate_recommendations_for_user 1",
    "train --saved_models_dir other --tasks rating retrieval --additional_feature_sets None --deploy",
    "train --saved_models_dir other --folds 2 --additional_feature_sets None",
    "tune --saved_models_dir other --trials 2 --seeds 1",
    "evaluate",
    "recommend --user 1 --why",
    "recommend --liked id:101",
    "recommend --user 1 --all_models",
    "recommend --users 1 2",
    "recommend --users 1 2 3 --parts lists --shard 1/2",
    "recommend --users 1 2 3 --parts lists",
    "recommend --together --user 1 --user 2 --fairness turns",
    "similar id:101",
    "export --format npz --output served.npz",
    "predict --user 1 --movie id:101 --movie id:102",
    "doctor",
    "check-plugin hit",
    "models list",
    "models show NAME",
    "data info",
    "data import ml-100k.zip",
    "data describe ml-100k.zip",
    "data split --output split",
    "data lengths --dataset sample",
    "data lengths --clear",
)


@pytest.fixture
def _world(
    monkeypatch: pytest.MonkeyPatch, fake_trainings: Path, archive_100k: Path, own_package: Install
) -> None:
    source = "from movierec_cli.evaluation.metrics import METRICS\nHIT = METRICS['recall']"
    own_package("shop", {"metrics": {"hit": "own_module:HIT"}}, own_module=source)
    monkeypatch.setattr(load, "load_dataset", lambda data, **_: fake_trainer.load(data))
    for config in (run_config("None"), run_config("timestamp"), multi_task_config("movie_genres")):
        judged_run(Path("saved_models"), small_dataset("1m"), config)


@pytest.mark.usefixtures("_world")
def test_what_commands_print_is_as_their_schema_says() -> None:
    needs("optuna")
    seen: dict[str, dict[str, Any]] = {}
    for line in LINES:
        (name, *_) = (path.name for path in Path("saved_models").glob("1m-timestamp-*"))
        result = run(f"{line.replace('NAME', name)} --json")
        assert result.exit_code == 0, f"{line}: {result.output}"
        command = re.match(r"(models|data) \w+|[\w-]+", line)
        assert command is not None
        if command[0] not in seen:
            seen[command[0]] = json.loads(run(f"schema {command[0]}").stdout)
        schema, document = seen[command[0]], json.loads(result.stdout)
        assert problems(document, schema, schema["$defs"]) == [], line
        assert document["schema_version"] == SCHEMA_VERSION
    every = json.loads(run("schema").stdout)["commands"]
    assert set(every) - {"data fetch"} == set(seen)  # which prints what import does
    assert every["data fetch"]["$defs"] == every["data import"]["$defs"]


def test_every_command_that_prints_json_has_a_schema() -> None:
    printing = {
        path.removeprefix("movierec ")
        for path, command in commands("movierec", typer.main.get_command(app))
        if any("--json" in param.opts for param in command.params)
    }
    assert printing == set(json.loads(run("schema").stdout)["commands"])
    refused = run("schema report")
    assert refused.exit_code == 2 and "'report' prints no JSON; these commands do: train," in refused.stderr


def test_a_document_that_is_not_as_the_schema_says_is_found_out() -> None:
    schema = json.loads(run("schema models list").stdout)
    right: dict[str, Any] = {"schema_version": 1, "runs": [], "problems": [{"folder": "x", "message": "y"}]}
    definitions = schema["$defs"]
    assert problems(right, schema, definitions) == []
    for wrong in ({"runs": 3}, {"more": 1}, {"problems": [{"folder": "x"}]}, {"schema_version": True}):
        assert problems(right | wrong, schema, definitions)
