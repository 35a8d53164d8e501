"""The command behind scripts/chaos."""

from __future__ import annotations

import argparse
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.chaos import board as boards
from tests.chaos import processes, report, witness
from tests.chaos.board import Site
from tests.chaos.faults.catalogue import FAULTS, ONLY_WITH_INFRA
from tests.chaos.report import Row
from tests.chaos.world import Outcome, World

_HISTORY = 12


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def run(argv: Sequence[str]) -> int:
    """Return the exit code: 1 where a promise was broken."""
    options = _options(argv)
    if options.list:
        _say("\n".join(FAULTS))
        return 0
    if options.table:
        _say(report.table(report.read(options.table)))
        return 0
    boards.require_namespaces()
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(100_000)
    _say(f"chaos: seed {options.seed}, {options.rounds} rounds, sandbox {options.sandbox}")
    began_s = time.monotonic()
    chance = random.Random(options.seed)  # noqa: S311  repeatable, no secret
    rows: list[Row] = []
    broken = False
    while len(rows) < options.rounds and (options.go_on or not broken):
        for row in _on_one_board(options, chance, len(rows)):
            rows.append(row)
            report.append(options.report, row)
            broken = broken or bool(row.violations)
    _say(report.table(rows))
    _say(f"{time.monotonic() - began_s:.0f} s")
    return 1 if broken else 0


def _on_one_board(options: argparse.Namespace, chance: random.Random, done: int) -> Iterator[Row]:
    """Give rounds on one board until all are done or it broke; the next board starts from nothing."""
    with Site(sandbox=options.sandbox) as site:
        tolerated = re.compile(options.tolerate) if options.tolerate else None
        world = World(site, chance, bound_s=options.bound_s, pods_max=options.pods, tolerated=tolerated)
        names, weights = _chosen(options, site.board.shim.missing)
        outcomes: list[Outcome] = []
        for number in range(done, options.rounds + 1):
            began_s = time.monotonic()
            name = "settle_in" if number == done else _next(names, weights, number, chance, every=options.each)
            outcome = _one(world, number, name)
            outcomes.append(outcome)
            pods = len(world.work.wishes.pods)
            if number > done or outcome.violations:
                _say(_line(outcome, pods))
                yield report.row(options.seed, options.sandbox, outcome, took_s=time.monotonic() - began_s, pods=pods)
            if outcome.violations:
                _tell(options, outcomes, site)
                break
        world.counter.close()
        if world.tolerances:
            example = next(iter(world.tolerances))
            _say(f"TOLERATED, so not held: {len(world.tolerances)} violations, such as {example}")
    if outcomes[-1].violations:
        (site.directory / "disk.img").unlink()  # 600 MB; what shows the fault is kept elsewhere
    else:
        shutil.rmtree(site.directory)


def _one(world: World, number: int, name: str) -> Outcome:
    """Do a round, or settle in; what the harness itself cannot do is an outcome, too."""
    began_s = time.monotonic()
    try:
        return world.round(number, name, FAULTS[name][0]) if name in FAULTS else world.settle_in(number)
    except AssertionError as error:
        return Outcome(number, name, "", (), time.monotonic() - began_s, (f"the harness itself: {error!r}",))


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/chaos")
    parser.add_argument("--seed", type=int, help="the same seed asks for the same work and the same faults")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--faults", default="", help="names, separated by commas; all without it")
    parser.add_argument("--each", action="store_true", help="the faults in order, one after the other, not by chance")
    parser.add_argument("--sandbox", default="auto", choices=("infra", "pinned", "auto"), help="who holds namespaces")
    parser.add_argument("--pods", type=int, default=8, help="how many pods are wanted at most")
    parser.add_argument("--bound-s", type=float, default=60.0, help="how long the world may take to heal")
    parser.add_argument("--tolerate", default="", help="a pattern of violations that are known: counted, not fatal")
    parser.add_argument("--go-on", action="store_true", help="after a broken promise go on, on a new board")
    parser.add_argument("--keep", default="", help="where logs and state go where a promise was broken")
    parser.add_argument("--report", default="", help="a file that gets a line of JSON after each round")
    parser.add_argument("--table", nargs="+", metavar="REPORT", help="only show the figures of such files together")
    parser.add_argument("--list", action="store_true", help="name the faults")
    return parser.parse_args(argv)


def _chosen(options: argparse.Namespace, missing: dict[str, str]) -> tuple[list[str], list[int]]:
    names = options.faults.split(",") if options.faults else list(FAULTS)
    if unknown := set(names) - set(FAULTS):
        raise SystemExit(f"error: no such fault: {', '.join(sorted(unknown))}; see --list")
    if options.sandbox != "infra":
        missing = missing | dict.fromkeys(ONLY_WITH_INFRA, "it needs --sandbox infra")
    for name, why in missing.items():
        if name in names:
            _say(f"NOT TRIED: {name}: {why}")
            names.remove(name)
    return names, [FAULTS[name][1] for name in names]


def _next(names: list[str], weights: list[int], number: int, chance: random.Random, *, every: bool) -> str:
    return names[(number - 1) % len(names)] if every else chance.choices(names, weights)[0]


def _line(outcome: Outcome, pods: int) -> str:
    orders = ", ".join(map(str, outcome.orders)) or "no orders"
    verdict = f"healed in {outcome.recovered_s:4.1f} s" if not outcome.violations else "BROKEN"
    note = f" ({outcome.note})" if outcome.note else ""
    return f"{outcome.number:4} {outcome.fault}{note}: {verdict}, {pods} pods; {orders}"


def _tell(options: argparse.Namespace, outcomes: list[Outcome], site: Site) -> None:
    """Say what is wrong and how it came to it, and keep what shows it."""
    lines = [f"\nseed {options.seed}, round {outcomes[-1].number}; before that:"]
    lines += [_line(one, 0) for one in outcomes[-_HISTORY:]]
    lines += ["violations:", *(f"  {one}" for one in outcomes[-1].violations)]
    words = "\n".join([*lines, "the agent's log:", site.board.log_tail(60)])
    _say(words)
    _keep(site, Path(options.keep or f"{site.directory}-kept"), words)


def _keep(site: Site, target: Path, words: str) -> None:
    if target.exists():
        target = target.with_name(f"{target.name}-{site.directory.name}")
    target.mkdir(parents=True)
    (target / "report").write_text(words)
    (target / "processes").write_text("\n".join(processes.table()))  # first: an engine that hangs is seen there alone
    for name in ("agent.log", "log"):
        if (site.directory / name).exists():
            shutil.copy(site.directory / name, target / name)
    state = site.board.base / "state"
    if state.exists():
        shutil.copytree(state, target / "state", dirs_exist_ok=True, ignore=shutil.ignore_patterns("copy"))
    for name, arguments in {"ps": ("ps", "--all", "--external"), "pods": ("pod", "ps")}.items():
        try:
            (target / name).write_text(site.board.podman(*arguments, check=False))
        except subprocess.TimeoutExpired as error:
            (target / name).write_text(f"podman does not answer: {error}")
    (target / "network").write_text(witness.network())
    (target / "cgroups").write_text("\n".join(map(str, boards.cgroups())))
    (target / "mounts").write_text(Path("/proc/self/mountinfo").read_text())
    _say(f"kept: {target}")


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
