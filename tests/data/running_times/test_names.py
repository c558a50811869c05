"""Titles as they are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from movierec_cli.data.running_times.names import (
    holed_names,
    is_misspelt,
    loose_name,
    movie_names,
    plain_name,
    title_parts,
)


@pytest.mark.parametrize(
    ("first", "second", "alike"),
    [
        ("Matrix, The", "The Matrix", "plain"),
        ("Avventura, L'", "L'Avventura", "plain"),
        ("Misérables, Les", "Les Miserables", "plain"),
        ("Blaue Engel, Der", "Der blaue Engel", "plain"),
        ("Enfant terrible, Un", "Un enfant terrible", "plain"),
        ("Bambini ci guardano, I", "I bambini ci guardano", "plain"),
        ("Mariachi, El", "El mariachi", "plain"),
        ("Blood & Wine", "Blood and Wine", "plain"),
        ("Romeo + Juliet", "Romeo and Juliet", "plain"),
        ("Rocky III", "Rocky 3", "plain"),
        ("Run Silent, Run Deep", "Run Silent Run Deep", "plain"),
        ("Kjærlighetens kjøtere", "Kjaerlighetens kjotere", "plain"),
        ("I'll Never", "Ill never", "plain"),
        ("Good, The Bad and The Ugly, The", "The Good, the Bad and the Ugly", "plain"),
        ("Ghostbusters", "Ghost Busters", "loose"),
        ("M*A*S*H", "MASH", "loose"),
        ("Around the World in 80 Days", "Around the World in Eighty Days", "loose"),
        ("20,000 Leagues Under the Sea", "20000 Leagues Under the Sea", "loose"),
        ("Underneath, The", "Underneath", "loose"),
        ("Karate Kid III, The", "The Karate Kid, Part III", "loose"),
        ("8 1/2", "8½", "loose"),
        ("Alien³", "Alien 3", "loose"),
        ("Rocky II", "Rocky III", "no"),
        ("Alien", "Aliens", "no"),
        ("House Party", "House Party 2", "no"),
        ("The The", "The", "no"),
    ],
)
def test_two_ways_to_write_a_title_are_one_plain_name_two_spellings_one_loose_name_and_other_films_none(
    first: str, second: str, alike: str
) -> None:
    one, other = plain_name(first), plain_name(second)
    assert (one == other) is (alike == "plain")
    assert (loose_name(one) == loose_name(other)) is (alike != "no")


def test_a_title_in_parentheses_and_after_aka_are_other_names() -> None:
    names = movie_names("City of Lost Children, The (Cité des enfants perdus, La) (1995)")
    assert "the city of lost children" in names.main
    assert names.others == ("la cite des enfants perdus",)
    names = movie_names("Communion (a.k.a. Alice, Sweet Alice/Holy Terror) (1977)")
    assert {"alice sweet alice", "holy terror"} <= set(names.others)
    assert movie_names("And God (Et Dieu&#8230;Cr&eacute;a) (1956)").others == ("et dieu crea",)


def test_the_year_and_the_mark_of_a_video_are_no_part_of_the_name() -> None:
    assert movie_names("Land Before Time III, The (1995) (V)").main == ("the land before time 3",)
    assert movie_names("Associate, The (L'Associe)(1982)").others == ("lassocie",)


def test_a_fraction_is_no_second_title() -> None:
    assert "2 women" not in movie_names("8 1/2 Women (1999)").others
    assert "beloved" in movie_names("Beloved/Friend (1999)").others


@pytest.mark.parametrize(
    ("title", "part"),
    [
        ("Bram Stoker's Dracula", "dracula"),
        ("Tales From the Crypt Presents: Demon Knight", "demon knight"),
        ("Star Wars: Episode IV - A New Hope", "star wars"),
        ("Mein liebster Feind - Klaus Kinski", "mein liebster feind"),
        ("Friday the 13th Part V: A New Beginning", "friday the 13th a new beginning"),
    ],
)
def test_a_title_may_be_called_by_a_part(title: str, part: str) -> None:
    assert part in title_parts(title)


def test_a_part_that_says_too_little_does_not_count() -> None:
    assert title_parts("My Best Friend's Wedding") == ()  # nobody's name
    assert title_parts("Rosemary's Baby") == ()  # one word before, so none of a person's two
    assert title_parts("Mother: Son") == title_parts("Alien") == ()  # single words are many films
    assert "the boys of st vincent" not in title_parts("The Boys of St. Vincent: 15 Years Later")


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("juction", "junction", True),
        ("jeckyll", "jekyll", True),
        ("marshalls", "marshals", True),
        ("goose", "moose", False),  # another first letter
        ("pimps", "pixie", False),
        ("mother", "mister", False),  # two letters of six
    ],
)
def test_only_a_slip_of_the_pen_is_misspelt(first: str, second: str, expected: bool) -> None:
    assert is_misspelt(first, second) is expected


def test_only_long_words_without_digits_are_left_out() -> None:
    assert dict(holed_names("two moon junction")) == {"two moon *": "junction"}
    assert dict(holed_names("junction")) == {}
    assert dict(holed_names("room 20000")) == {}


@given(st.text(max_size=40))
def test_no_text_breaks_the_names(title: str) -> None:
    names = movie_names(title)
    assert "" not in names.main + names.others + names.parts
    loose = loose_name(plain_name(title))
    assert " " not in loose
    assert bool(loose) == bool(plain_name(title))
