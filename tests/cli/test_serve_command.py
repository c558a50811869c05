"""`movierec serve`: what it refuses before it listens."""

import importlib.util
import socket
from pathlib import Path
from typing import Any

import pytest

from movierec_cli.config import Family
from tests.cli.running import check_refused, check_row, rows
from tests.saved_runs import baseline_run
from tests.small_dataset import small_dataset


@pytest.mark.usefixtures("own_folder")
def test_without_the_extra_it_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "uvicorn" else found(name, *rest)
    )
    assert "serve needs the package uvicorn: pip install 'movierec[serve]'" in check_refused(["serve"])


@pytest.mark.usefixtures("own_folder")
@pytest.mark.parametrize(
    "row",
    rows("""
1 | serve | no model that recommends | train one first
1 | serve --model nobody | there is no saved model 'nobody'
2 | serve --port 70000 | --port is 70000 | 0 to 65535
2 | serve --max_rate -1 | --max_rate is -1 | 0 or more
1 | serve --host 192.0.2.1 | nothing can listen on 192.0.2.1
"""),
)
def test_what_cannot_be_served_is_refused(row: str) -> None:
    check_row(row)


@pytest.mark.usefixtures("own_folder")
def test_a_port_in_use_is_named() -> None:
    baseline_run(Path("saved_models"), small_dataset(), Family.POPULARITY)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: Any = taken.getsockname()[1]
        said = check_refused(["serve", "--port", str(port)])
    assert f"nothing can listen on 127.0.0.1, port {port}" in said
