import html.parser
import json
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from movierec_cli.errors import MovierecError
from movierec_cli.registry.record import RunRecord
from movierec_cli.reports.web.plot import check_writable, figure, plot_page, write_plot
from tests.saved_runs import KS, data_identity, run_record, sequence_config

SETS = (("None",), ("timestamp",), ("timestamp", "movie_genres"))
DATA = data_identity(n_movies=3883)
RECORDS = [run_record(*names, level=0.4 + index / 100, data=DATA) for index, names in enumerate(SETS)]


def embedded(page: str, name: str) -> dict[str, object]:
    content = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', page, re.DOTALL)
    assert content is not None
    parsed = json.loads(content[1])
    assert isinstance(parsed, dict)
    return parsed


def test_the_figure_has_each_runs_validation_accuracy() -> None:
    lines = figure(RECORDS, 100).data[: len(RECORDS)]
    for line, record in zip(lines, RECORDS, strict=True):
        assert line.name == record.config.feature_set.label
        assert list(line.x) == [5, 10, 15, 20]
        assert list(line.y) == [epoch.validation.unseen[100] for epoch in record.history]


@pytest.mark.parametrize(("n_movies", "k"), [(507, "10"), (1682, "100")])
def test_the_page_opens_with_ten_movies_where_a_hundred_are_much_of_the_catalogue(
    n_movies: int, k: str
) -> None:
    page = plot_page([run_record(data=data_identity(n_movies=n_movies))])
    assert embedded(page, "views")["shown_k"] == k


def test_the_epoch_whose_weights_were_kept_is_marked() -> None:
    best = figure(RECORDS, 100).data[len(RECORDS) :]
    assert [(list(mark.x), list(mark.y)) for mark in best] == [
        ([15], [record.history[2].validation.unseen[100]]) for record in RECORDS
    ]


def test_every_choice_has_values_for_every_trace() -> None:
    page = plot_page(RECORDS)
    views = embedded(page, "views")["views"]
    n_traces = len(embedded(page, "figure")["data"])  # type: ignore[arg-type]
    assert isinstance(views, dict)
    assert n_traces == 2 * len(RECORDS)
    for mode in ("unseen", "all"):
        for k in KS:
            values = views[mode][str(k)]["y"]
            assert len(values) == n_traces
            assert values[1] == [getattr(epoch.validation, mode)[k] for epoch in RECORDS[1].history]


def sequence_record(*, ndcg: bool = True) -> RunRecord:
    record = run_record(config=sequence_config(), data=DATA)
    gains = {epoch.epoch: epoch.epoch / 100 if ndcg else None for epoch in record.history}
    return replace(record, history=tuple(replace(epoch, ndcg=gains[epoch.epoch]) for epoch in record.history))


def test_epochs_chosen_by_ndcg_are_shown_by_it() -> None:
    page = plot_page([sequence_record()])
    views = embedded(page, "views")
    assert views["shown_mode"] == "ndcg" and ["ndcg", "NDCG@10"] in views["modes"]  # type: ignore[operator]
    values = views["views"]["ndcg"]["10"]["y"]  # type: ignore[index]
    assert values == [[0.05, 0.1, 0.15, 0.2], [0.15]]
    text = " ".join(page[page.index("<footer>") : page.index("</footer>")].split())
    assert "the best by NDCG@10 among unseen movies" in text
    sequence = sequence_config().sequence
    assert sequence is not None
    assert f"SASRec with embeddings of {sequence.embedding_size}, " in text
    assert f" layers and the last {sequence.max_length} movies of a history" in text
    assert "leave-last split" in text


def test_without_ndcg_there_is_no_choice_of_it() -> None:
    for records in ([sequence_record(ndcg=False)], [sequence_record(), RECORDS[0]]):
        views = embedded(plot_page(records), "views")
        assert views["shown_mode"] == "unseen" and set(views["views"]) == {"unseen", "all"}  # type: ignore[call-overload]


def test_the_page_needs_no_network() -> None:
    sources = []

    class Parser(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            sources.extend((tag, name) for name, _ in attrs if name in ("src", "href"))

    page = plot_page(RECORDS)
    Parser().feed(page)
    assert sources == []
    assert page.count("plotly.js v") <= 2
    assert len(page) < 8_000_000


def test_simulated_data_is_called_so_and_text_is_escaped() -> None:
    data = data_identity(description="<b>simulated</b> ratings & co")
    page = plot_page([replace(RECORDS[0], data=data)])
    head = page[: page.index("<script>")]
    assert head.count("&lt;b&gt;simulated&lt;/b&gt; ratings &amp; co") >= 2
    assert "<b>simulated" not in page


def test_nothing_to_draw_is_an_error() -> None:
    with pytest.raises(MovierecError, match="no run was validated"):
        plot_page([replace(RECORDS[0], history=())])


def test_a_failed_write_leaves_the_old_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "plot.html"
    file.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(MovierecError, match="No space left"):
        write_plot(RECORDS, file)
    assert [path.name for path in tmp_path.iterdir()] == ["plot.html"]
    assert file.read_text() == "old"


def test_missing_folders_are_made(tmp_path: Path) -> None:
    file = write_plot(RECORDS, tmp_path / "new" / "plot.html")
    assert file.is_absolute()
    assert os.listdir(file.parent) == ["plot.html"]


def test_what_would_hinder_writing_is_found_before_training(tmp_path: Path) -> None:
    with pytest.raises(MovierecError, match="it is a folder"):
        check_writable(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(MovierecError, match="cannot be written"):
        check_writable(tmp_path / "file" / "plot.html")
    check_writable(tmp_path / "not" / "yet" / "plot.html")
