"""A part of the harness with fixed seeds, and that it finds what is planted."""

from collections.abc import Iterator

import pytest

from tests.soak.__main__ import soak
from tests.soak.forked import import_what_is_heavy
from tests.soak.machine import Soak
from tests.soak.planted import PLANTED
from tests.soak.world import COMMANDS, MODELS, World, made_world

LISTS = COMMANDS[0]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    import_what_is_heavy()
    with made_world() as world:
        yield world


def test_nothing_breaks(world: World) -> None:
    soak(world, 7, n_examples=2, n_steps=20, shrinks=False)


def machine(world: World, planted: str = "") -> Soak:
    class Machine(Soak):
        pass

    Machine.world = world
    if planted:
        Machine.patch = staticmethod(PLANTED[planted])
    return Machine()


def _early_rename(one: Soak) -> None:
    one.full_disk(command=LISTS, most=100)


def _leftovers(one: Soak) -> None:
    one.killed_before_a_step(command=LISTS, share=0.5)
    one.teardown()


def _controls(one: Soak) -> None:
    one.hostile_ratings(kind="controls", seed=3)


WAYS = {
    "early-rename": _early_rename,
    "leftovers": _leftovers,
    "controls": _controls,
}


@pytest.mark.parametrize("planted", WAYS)
def test_what_is_planted_is_found_and_nothing_else(world: World, planted: str) -> None:
    WAYS[planted](machine(world))
    with pytest.raises(AssertionError):
        WAYS[planted](machine(world, planted))


def test_a_model_that_is_lost_is_missed(world: World) -> None:
    one = machine(world)
    one.models_are_whole_or_absent()
    next((world.folder / MODELS).glob("mine-ease*")).rename(world.folder / "elsewhere")
    with pytest.raises(AssertionError):
        one.models_are_whole_or_absent()
