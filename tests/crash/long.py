# ruff: noqa: T201, S311 - it prints its figures, and its dice need not be secret
"""The long run: `python -m tests.crash.long --rounds 50 --backend both`; a line a round, exit 1 when a promise broke.

A round: clients at work, two kills at random moments, a restart after each, and then everything that must hold. With
--leases real nothing is shortened: what a dead process held is free when the product says so, up to two minutes later.
"""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from app.data import migrate
from tests.cli.home import Home, Homes
from tests.crash.storm import Storm
from tests.support.services import Unavailable, postgres_server, redis_server

REAL = "wsgi"
VICTIMS = {"sqlite": [("web",)], "postgresql": [("web",), ("worker",), ("web", "worker")]}
KILLS = 2


def one_round(storm: Storm, chance: random.Random, kills: int = KILLS) -> str:
    """Kill under load, and look; what was done, in words. Broken promises are in `storm.found`."""
    before = len(storm.done), len(storm.receiver.seen), storm.lost_answers
    told = []
    with storm.load():
        for _ in range(kills):
            time.sleep(chance.uniform(0.1, 1.5))
            victims = chance.choice(VICTIMS[storm.home.kind])
            storm.kill(*victims)
            told.append("+".join(victims))
            time.sleep(chance.uniform(0, 0.3))
            storm.start()
        time.sleep(chance.uniform(0, 0.5))
    storm.found = storm.broken()
    done, seen, lost = len(storm.done) - before[0], len(storm.receiver.seen) - before[1], storm.lost_answers - before[2]
    return (
        f"killed {', '.join(told)}; {done} changes, {lost} requests without an answer, {seen} deliveries; "
        f"delivered {storm.recovery:.1f} s, mails sent {storm.mailed:.1f} s after the load"
    )


@contextmanager
def storms(kind: str, application: str) -> Iterator[Storm]:
    """A fresh installation of a kind under a storm."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="billhook-storm-")))
        server = redis = None
        if kind == "postgresql":
            server, redis = stack.enter_context(postgres_server()), stack.enter_context(redis_server())
            for each in (server, redis):
                if isinstance(each, Unavailable):
                    sys.exit(f"{each.service} is needed: {each.reason}.")
        home: Home = stack.enter_context(Homes(kind, folder, server).fresh("storm"))  # type: ignore[arg-type]
        with home.app() as app:
            migrate.upgrade(app)
        storm = Storm(home, redis.url, 2, smtp=True) if redis else Storm(home)
        storm.application = application
        yield stack.enter_context(storm)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash.long", description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--backend", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--leases", choices=("short", "real"), default="short")
    parser.add_argument("--seed", type=int, default=None)
    asked = parser.parse_args(arguments)
    seed = random.randrange(10**6) if asked.seed is None else asked.seed
    print(f"seed {seed}")
    broken = 0
    for kind in ("sqlite", "postgresql") if asked.backend == "both" else (asked.backend,):
        chance = random.Random(seed)
        with storms(kind, REAL if asked.leases == "real" else "tests.crash.hasty") as storm:
            for number in range(1, asked.rounds + 1):
                line = one_round(storm, chance)
                broken += bool(storm.found)
                print(f"{kind} {number}/{asked.rounds} {'BROKEN' if storm.found else 'ok'}: {line}", flush=True)
                for each in storm.found:
                    print(f"    {each}", flush=True)
            sent = len(storm.receiver.seen)
            events = len(storm.arrived())
            print(
                f"{kind}: {asked.rounds} rounds, {storm.kills} kills, {len(storm.done)} changes acknowledged, "
                f"{storm.lost_answers} requests without an answer, {events} events delivered in {sent} requests, "
                f"slowest answer {storm.slowest:.1f} s",
                flush=True,
            )
    print("every promise held" if not broken else f"promises broke in {broken} rounds")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main())
