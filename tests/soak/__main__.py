"""Tries to break everything for some minutes; prints what it did, and the shortest way to a failure.

    python -m tests.soak [--minutes 15] [--seed N] [--planted NAME]

A run is a row of state machines (`machine.py`), each with a seed of its own. What fails is repeated with
fewer and fewer steps, and the shortest sequence that fails is printed as code.
"""

import argparse
import os
import secrets
import sys
import time
import traceback
from collections import Counter

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.soak.checked import FAULTS
from tests.soak.forked import import_what_is_heavy
from tests.soak.machine import Soak
from tests.soak.planted import OF_TRAININGS, PLANTED
from tests.soak.world import World, made_world

STEPS, EXAMPLES = 15, 6


def soak(
    world: World,
    number: int,
    n_examples: int = EXAMPLES,
    planted: str = "",
    *,
    n_steps: int = STEPS,
    shrinks: bool = True,
) -> None:
    """Runs some state machines. Raises what a step or an invariant raises, with the shortest sequence."""
    phases = [Phase.generate, Phase.shrink] if shrinks else [Phase.generate]
    chosen = settings(
        max_examples=n_examples,
        stateful_step_count=n_steps,
        deadline=None,
        database=None,
        phases=phases,
        print_blob=False,
        suppress_health_check=list(HealthCheck),
    )

    class Machine(Soak):
        pass

    Machine.world = world
    Machine.patch = staticmethod(PLANTED[planted] if planted else lambda: None)
    run_state_machine_as_test(seed(number)(Machine), settings=chosen)


def line(counts: Counter[str]) -> str:
    """How often each fault was made."""
    each = ", ".join(f"{name} {counts[name]}" for name in FAULTS)
    return f"{counts.total()} faults: {each}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=float(os.environ.get("SOAK_MINUTES", "15")))
    parser.add_argument(
        "--seed", type=int, default=secrets.randbelow(2**31), help="of everything that is drawn"
    )
    parser.add_argument(
        "--unshrunk", action="store_true", help="print the first failing sequence, not the shortest"
    )
    parser.add_argument("--planted", choices=sorted(PLANTED), default="", help="a bug to be found")
    arguments = parser.parse_args()
    until = time.monotonic() + 60 * arguments.minutes
    print(f"seed {arguments.seed}", flush=True)
    trains = arguments.planted in ("", *OF_TRAININGS)  # others are found sooner without
    n_failed, number, began = 0, 0, time.monotonic()
    import_what_is_heavy(with_engines=trains)
    with made_world(trains=trains) as world:
        while time.monotonic() < until and not (arguments.planted and n_failed):
            try:
                soak(
                    world, arguments.seed + number, planted=arguments.planted, shrinks=not arguments.unshrunk
                )
            except Exception:
                n_failed += 1
                print(f"FAILED with seed {arguments.seed + number}\n{traceback.format_exc()}", flush=True)
                if Soak.failures:  # the shortest of one that depends on moments may not fail again
                    first = Soak.failures[0]
                    said = f"first after {first.at_s - began:.0f} s: {first.what}\nafter"
                    print(said, *first.done, sep="\n  ")
                Soak.failures.clear()
            number += 1
            print(f"{time.monotonic() - began:.0f} s, {line(Soak.counts)}", flush=True)
    print(f"seed {arguments.seed}: {n_failed} violations, {line(Soak.counts)}")
    sys.exit(bool(n_failed))


if __name__ == "__main__":
    main()
