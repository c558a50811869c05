"""What the help of commands says beside their options: examples, which options first, what is meant."""

import difflib
from collections.abc import Mapping, Sequence

EXAMPLES: Mapping[str, tuple[str, str]] = {
    "": ("movierec train --dataset sample", "movierec recommend --liked 'Toy Story (1995)'"),
    "train": (
        "movierec train --dataset sample",
        "movierec train --archive ratings.csv --additional_feature_sets timestamp",
    ),
    "demo": ("movierec demo", "movierec demo --output try --open"),
    "tune": (
        "movierec tune --dataset 100k --trials 40",
        "movierec tune --dataset 100k --space learning_rate=0.001..0.03:log",
    ),
    "evaluate": ("movierec evaluate --segments", "movierec evaluate --metric recall@10"),
    "recommend": (
        "movierec recommend --user 1 --why",
        "movierec recommend --liked 'Alien' --liked 'Heat' --disliked 'Bambi'",
    ),
    "similar": ("movierec similar Star Wars", "movierec similar id:590 --year 1990s --top 5"),
    "explore": ("movierec explore --open", "movierec explore --model 1m-ease --output ease.html"),
    "serve": ("movierec serve --open", "movierec serve --port 9000 --model 1m-ease"),
    "export": ("movierec export --output served", "movierec export --format npz --output model"),
    "predict": (
        "movierec predict --user 1 --movie 'Heat (1995)'",
        "movierec predict --ratings_file ratings.csv --movie Alien --movie Fargo",
    ),
    "report": ("movierec report --open", "movierec report --baselines all --output all.html"),
    "doctor": ("movierec doctor", "movierec doctor --split temporal"),
    "schema": ("movierec schema recommend", "movierec schema train"),
    "check-plugin": ("movierec check-plugin movierec-example", "movierec check-plugin ease"),
    "models": ("movierec models list", "movierec models remove NAME"),
    "models list": ("movierec models list", "movierec models list --json"),
    "models show": ("movierec models show 1m-ease", "movierec models show 1m-ease --json"),
    "models remove": ("movierec models remove NAME", "movierec models remove NAME OTHER"),
    "models forget": (
        "movierec models forget --user 7",
        "movierec models forget --user 7 --saved_models_dir models",
    ),
    "data": ("movierec data info", "movierec data describe ratings.csv"),
    "data info": ("movierec data info", "movierec data info --json"),
    "data describe": (
        "movierec data describe ratings.csv",
        "movierec data describe ratings.zip --columns user=who item=what",
    ),
    "data fetch": ("movierec data fetch 100k", "movierec data fetch latest-small"),
    "data import": ("movierec data import ml-1m.zip", "movierec data import Downloads/ml-100k.zip"),
    "data split": (
        "movierec data split --dataset 100k --output parts",
        "movierec data split --archive ratings.csv --split temporal --output parts",
    ),
    "data lengths": (
        "movierec data lengths --dataset 1m",
        "movierec data lengths --dataset 1m --csv lengths.csv",
    ),
}
"""Of each command by its name; each fits into 80 columns, and is parsed by a test."""

FIRST: Mapping[str, tuple[str, ...]] = {
    "train": (
        *("dataset", "archive", "additional_feature_sets", "family", "preset", "split", "baselines"),
        *("seeds", "generate_recommendations_for_user", "output", "saved_models_dir", "config"),
    ),
    "tune": (
        *("dataset", "archive", "trials", "timeout", "families", "space", "select_features", "jobs"),
        *("metric", "split", "saved_models_dir", "config"),
    ),
    "recommend": (
        *("model", "top", "why", "all_models", "user", "liked", "disliked", "ratings_file"),
        *("genre", "year", "diversity", "csv", "saved_models_dir"),
    ),
}
"""The options that matter most, of commands that have too many; `--help_all` shows the others, too."""

MEANT = {
    "delete": "remove",
    "rm": "remove",
    "ls": "list",
    "info": "show",
    "describe": "show",
    "fit": "train",
    "compare": "evaluate",
    "test": "evaluate",
    "search": "similar",
    "download": "fetch",
    "run": "serve",
    "server": "serve",
    "check": "doctor",
}
"""What other programs call a command."""


def meant_commands(typed: str, known: Sequence[str]) -> str:
    """Such as " Did you mean 'remove'?"; "" where no command of these is like it."""
    synonym = MEANT.get(typed.casefold(), "")
    alike = [synonym] if synonym in known else difflib.get_close_matches(typed.replace("_", "-"), known, n=2)
    return f" Did you mean {' or '.join(repr(one) for one in alike)}?" if alike else ""
