import sys
import unicodedata

import pytest

from movierec_cli.text import counted, listed, printable, shown_title


def test_things_are_counted() -> None:
    assert [counted(n, "user") for n in (0, 1, 2, 1_234)] == ["0 users", "1 user", "2 users", "1,234 users"]
    assert [counted(n, "movie is", "movies are") for n in (1, 3)] == ["1 movie is", "3 movies are"]


def test_words_are_listed() -> None:
    assert [listed(words) for words in ([], ["a"], ["a", "b"], "abc")] == ["", "a", "a and b", "a, b and c"]
    assert listed(("a", "b"), "or") == "a or b"


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("Rock, The (1996)", "The Rock (1996)"),
        ("Postino, Il (The Postman) (1994)", "Il Postino (The Postman) (1994)"),
        ("Enfer, L' (1994)", "L'Enfer (1994)"),
        (
            "City of Lost Children, The (Cité des enfants perdus, La) (1995)",
            "The City of Lost Children (La Cité des enfants perdus) (1995)",
        ),
        ("Hate (a.k.a. Haine, La) (1995)", "Hate (a.k.a. La Haine) (1995)"),
        ("Good, The Bad and The Ugly, The", "The Good, The Bad and The Ugly"),
        ("Ruling Class,The (1972)", "The Ruling Class (1972)"),
        ("Apple, The (Sib)(1998)", "The Apple (Sib)(1998)"),
        (" Matrix, The ", "The Matrix"),
        *(
            (same, same)
            for same in (
                "Seven Samurai (The Magnificent Seven) (Shichinin no samurai) (1954)",
                "Bye Bye, Love (1995)",
                "Yes, en (2000)",
                "Theatre",
                ", The",
                "",
                "(1990)",
                "301, 302 (1995)",
            )
        ),
    ],
)
def test_a_title_is_shown_with_its_articles_first(title: str, shown: str) -> None:
    assert shown_title(title) == shown


def test_of_all_characters_no_control_and_no_half_stays() -> None:
    for code in range(sys.maxunicode + 1):
        shown = printable(f"é{chr(code)}é")
        assert len(shown) == 3
        if unicodedata.category(chr(code)) in ("Cc", "Cs", "Zl", "Zp") and chr(code) not in "\t\n":
            assert shown[1] == "\ufffd", hex(code)
        if (
            unicodedata.category(chr(code))[0] in "LNPS"
            and unicodedata.name(chr(code), "").find("FILLER") < 0
        ):
            assert shown[1] == chr(code), hex(code)


@pytest.mark.parametrize(
    "hidden", "\u202e\u2066\u061c\u200b\u200e\u2060\ufeff\xad\u3164\U000e0041\u200c\u200d"
)
def test_what_turns_or_hides_text_is_replaced(hidden: str) -> None:
    assert printable(f"Heat{hidden}1995") == "Heat\ufffd1995"


@pytest.mark.parametrize(
    "text", ["Amélie\t(2001)\n", "می\u200cخواهم", "👩\u200d🚀 🏴", "क्\u200dष", "葛\U000e0100"]
)
def test_what_a_script_needs_stays(text: str) -> None:
    assert printable(text) == text
