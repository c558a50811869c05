"""What a sentence says is what the tables say: read from the terminal, the page and the JSON."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.running import run, words

pytestmark = pytest.mark.usefixtures("fake_trainings")

SETS = " ".join(
    f"--additional_feature_sets {one}"
    for one in ("None", "movie_genres", "timestamp", "timestamp movie_genres", "timestamp movie_title_text")
)
Columns = dict[str, dict[str, float]]  # by metric, each model's mean


def table(page: str, section: str) -> list[tuple[str, list[str]]]:
    """The rows of the first table in a part of the page, each by its label: the texts of its cells."""
    body = re.search(r"<table.*?</table>", page[page.index(f'id="{section}"') - 20 :], re.DOTALL)
    assert body is not None
    found = []
    for row in re.findall(r"<tr>(.*?)</tr>", body[0], re.DOTALL):
        label = re.search(r'<th scope="row" data-value="(.*?)">', row)
        cells = [re.sub(r"<small>.*?</small>|<[^>]*>", "", one) for one in re.findall(r"<td.*?</td>", row)]
        against = re.search(r"against</span> (.*?)<", row)
        if label:
            found.append((html.unescape(label[1] + (f" against {against[1]}" if against else "")), cells))
    return found


def columns_of(page: str, names: list[str]) -> Columns:
    rows = table(page, "ranking")
    return {name: {label: float(cells[i]) for label, cells in rows} for i, name in enumerate(names)}


def plain(name: str) -> str:
    return name.replace(" (ids alone)", "")


def check_first(sentence: str, columns: Columns, headline: str) -> None:
    """The winner, its figure, its lead, and exactly the columns that it loses, each by how much to whom."""
    verdict, *parts = sentence.removesuffix(".").split("; ")
    said = re.fullmatch(r".*?, (.+) is first in (\S+?)(?: with|: it finds) ([\d.]+) % .*", verdict)
    assert said is not None, verdict
    name, of = plain(said[1]), columns[headline]
    assert said[2] == headline and of[name] == max(of.values())
    assert float(said[3]) == pytest.approx(100 * of[name], abs=0.051)
    if lead := re.search(r"([\d.]+) points \(.*?\) more than the .*?(?:model, |baseline,? )(.+)$", verdict):
        assert float(lead[1]) == pytest.approx(100 * (of[name] - of[plain(lead[2])]), abs=0.06)
    lost: dict[str, float] = {}
    for part in parts:
        if behind := re.fullmatch(r"(?:not significantly )?behind (.+?) in (\S+@\d+|auc) (.*)", part):
            leader = plain(behind[1])
            for metric, points in re.findall(
                r"(\S+@\d+|auc) (?:by |\(−?)([\d.]+) points", part[part.index(behind[2]) :]
            ):
                assert columns[metric][leader] == max(columns[metric].values())
                lost[metric] = float(points)
        else:
            assert "its lead over" in part or "to compare it with" in part, part
    assert lost == {
        metric: pytest.approx(100 * (max(column.values()) - column[name]), abs=0.06)
        for metric, column in columns.items()
        if column[name] < max(column.values())
    }


def check_features(sentences: list[str], page: str, document: dict[str, Any]) -> int:
    """Each feature's sentence, its row behind two tabs, and the JSON have one verdict."""
    gains, pairs = dict(table(page, "features")), dict(table(page, "differences"))
    words_of = {"helps": r" adds? \+", "hurts": r" takes? ", "not significant": r" makes? no significant"}
    for one in document["ablation"]:
        points, n_pairs, p, verdict = gains[one["feature"]]
        (sentence,) = (s for s in sentences if re.search(rf"(^|, ){one['feature']} (adds|takes|makes)", s))
        assert re.search(words_of[verdict], sentence), (verdict, sentence)
        interval = one["difference"]
        is_sure = one["p_holm"] < 0.05 and not interval["low"] <= 0 <= interval["high"]
        assert (verdict != "not significant") is is_sure
        said = re.search(r"([−+]?[\d.]+) points", sentence)
        assert said is not None
        shown = float(points.replace("−", "-"))
        assert float(said[1].replace("−", "-").replace("+", "")) == pytest.approx(
            abs(shown) if verdict == "hurts" else shown, abs=0.06
        )
        if n_pairs == "1":  # the same comparison stands among the differences
            same = [c for c in pairs.values() if c[0] in (points, points.translate({43: "−", 8722: "+"}))]
            assert any((c[2], c[4] == "not significant") == (p, not is_sure) for c in same)
    return len(document["ablation"])


def check_warnings(sentences: list[str], page: str, columns: Columns, headline: str) -> None:
    verdicts = {label: cells[4] for label, cells in table(page, "differences")}
    for sentence in sentences:
        opening = rf"(Below|Not significantly different from) (.+?) in {headline} \(([\d.]+) %\): (.*)\."
        said = re.fullmatch(opening, sentence)
        assert said is not None, sentence
        of, baseline = columns[headline], said[2]
        assert float(said[3]) == pytest.approx(100 * of[baseline], abs=0.051)
        wanted = "lower" if said[1] == "Below" else "not significant"
        named = re.findall(r"(?:^|, )(.+?)(?: \(ids alone\))? \(([\d.]+) %\)", said[4])
        expected = {
            label.removesuffix(f" against {baseline}")
            for label, verdict in verdicts.items()
            if label.endswith(f" against {baseline}") and verdict == wanted
        }
        if said[4] != "every trained model":
            assert {name for name, _ in named} == expected
        assert all(float(value) == pytest.approx(100 * of[name], abs=0.051) for name, value in named)


def check_training(line: str) -> int:
    """Runs a training and reads what it says, on the terminal, the page and as JSON.

    Returns:
        Of how many features it says something.
    """
    text, document = run(line, width=200).stdout, json.loads(run(f"{line} --json").stdout)["study"]
    page, headline = Path("movierec.html").read_text(encoding="utf-8"), document["headline"]
    assert headline == (re.search(r"--metric (\S+)", line) or ["", "ndcg@10"])[1]
    metrics = document["models"][0]["metrics"]
    names = sorted(metrics, key=lambda name: name != headline)
    columns = columns_of(page, names)
    for model in document["models"]:
        own = {name: columns[name][model["label"]] for name in names}
        assert own == {name: pytest.approx(model["metrics"][name]["mean"], abs=5.1e-5) for name in names}
        assert all(re.search(rf"{own[name]:.4f} ±", text) for name in names)
    shown = html.unescape(re.sub(r"<[^>]*>", "", page)).replace("\xa0", " ")
    said = document["answer"]
    for sentence in (*said, *document["warnings"]):
        assert sentence in words(text) and sentence in shown
    check_first(said[0], columns, headline)
    # That a training was still improving is said of epochs, in no column; `test_sentences` reads it.
    of_columns = [one for one in document["warnings"] if not one.startswith("Still improving")]
    check_warnings(of_columns, page, columns, headline)
    return check_features(said[1:], page, document)


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--baselines all --metric recall@10",
        "--baselines None --seeds 2",
        "--baselines popularity --split temporal --metric map@5",
        "--folds 2 --top_k 3 7",
    ],
)
def test_every_sentence_agrees_with_every_column(options: str) -> None:
    assert check_training(f"train {SETS} {options}") == 3
