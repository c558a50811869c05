"""A part of the harness with fixed seeds, and that it finds what is planted."""

from collections.abc import Iterator

import pytest

from tests.soak import served
from tests.soak.__main__ import soak
from tests.soak.forked import import_what_is_heavy
from tests.soak.machine import Soak
from tests.soak.planted import PLANTED
from tests.soak.world import COMMANDS, MODELS, World, made_world

SEEDS = 4, 5
LISTS = COMMANDS[0]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    import_what_is_heavy(with_engines=False)
    with made_world(trains=False) as world:
        yield world


def test_nothing_breaks(world: World) -> None:
    for seed in SEEDS:
        soak(world, seed, n_examples=4, n_steps=8, shrinks=False)
    made = {fault for fault, n in Soak.counts.items() if n}
    assert len(made) >= 10, f"the seeds are to be such as make most faults, not only {made}"


def machine(world: World, planted: str = "") -> Soak:
    class Machine(Soak):
        pass

    Machine.world = world
    if planted:
        Machine.patch = staticmethod(PLANTED[planted])
    return Machine()


def _early_rename(one: Soak) -> None:
    one.full_disk(command=LISTS, most=100)


def _deleted_first(one: Soak) -> None:
    for tenth in range(2, 7):
        one.forgotten(user=7, command=LISTS, share=tenth / 10)


def _leftovers(one: Soak) -> None:
    one.killed_before_a_step(kills=[(LISTS, 0.2)])
    one.teardown()


def _controls(one: Soak) -> None:
    one.hostile_data(kinds=[("controls", 3)])


def _no_lock(one: Soak) -> None:
    one.downloads_at_once(n=2, share=0.5)


def _checksums(one: Soak) -> None:
    one.damaged_files(damages=[(seed, "flip", False) for seed in range(4)], command=LISTS)


def _served_for_ever(one: Soak) -> None:
    one.served_and_ended(acts=[("removed", 1)], end="SIGTERM", is_asked=False)


WAYS = {
    "early-rename": _early_rename,
    "deleted-first": _deleted_first,
    "leftovers": _leftovers,
    "controls": _controls,
    "no-lock": _no_lock,
    "checksums": _checksums,
    "served-for-ever": _served_for_ever,
}


@pytest.mark.parametrize("planted", WAYS)
def test_what_is_planted_is_found_and_nothing_else(
    world: World, planted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    WAYS[planted](machine(world))
    monkeypatch.setattr(served, "WITHIN_S", 1.0)  # what is planted does not come right later
    with pytest.raises(AssertionError):
        WAYS[planted](machine(world, planted))


def test_a_model_that_is_lost_is_missed(world: World) -> None:
    one = machine(world)
    one.models_are_whole_or_absent()
    next((world.folder / MODELS).glob("mine-ease*")).rename(world.folder / "elsewhere")
    with pytest.raises(AssertionError):
        one.models_are_whole_or_absent()
