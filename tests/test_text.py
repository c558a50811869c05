"""Numbers with their nouns, and lists, as sentences have them."""

from movierec_cli.text import counted, listed


def test_lists_read_as_sentences_do() -> None:
    assert [listed("abc"[:n]) for n in (0, 1, 2, 3)] == ["", "a", "a and b", "a, b and c"]
    assert listed("abc", last="or") == "a, b or c"


def test_one_is_singular_and_thousands_have_commas() -> None:
    assert [counted(n, "movie") for n in (0, 1, 1200)] == ["0 movies", "1 movie", "1,200 movies"]
    assert counted(2, "run of it", "runs of it") == "2 runs of it"
