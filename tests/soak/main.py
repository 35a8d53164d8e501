"""The soak: a real agent on a real broker under steady churn, and whether what it holds stays flat."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.fixtures.agent import AgentUnderTest, until
from tests.fixtures.mosquitto import Mosquitto
from tests.soak import samples, trend
from tests.soak.churn import Churn
from tests.soak.samples import Sample
from tests.soak.trend import Trend

NORMAL_CHANGES_PER_MINUTE = 1.0  # of a busy board with ten pods: one of them comes, goes, changes or crashes a minute

# by how much each may rise over the second half of the run, and its unit
BOUNDS = {
    "rss_kib": (512.0, "KiB"),
    "pss_kib": (512.0, "KiB"),
    "fds": (0.9, "open files"),
    "threads": (0.9, "threads"),
    "database_kib": (256.0, "KiB"),
    "run_files": (4.0, "files"),
    "log_files": (4.0, "files"),
    "volume_files": (4.0, "files"),
}


# What a board without pods holds after the churn may differ from what it held before by that much. The bounded pool of
# threads fills; Podman 4.3 leaves the lock of some containers whose pod was replaced while it started, until reboot.
REST = {"fds": 1, "threads": 6, "run_files": 2, "lock_files": 200, "log_files": 0, "volume_files": 0}


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    trends: tuple[Trend, ...]
    changes: Mapping[str, int]
    unfinished: tuple[str, ...]  # pods that were not as wanted in the end
    left: Mapping[str, int]  # what was more after the last pod went than before the first came, beyond REST
    left_files: tuple[str, ...]  # of all that is below the agent's directories
    grown_kib: int  # RSS at rest, after against before

    @property
    def good(self) -> bool:
        return all(one.flat for one in self.trends) and not self.unfinished and not self.left


def soak(*, minutes: float, churn: float, seed: int, every_s: float, report: Path | None) -> Result:
    """Run it; `churn` is a multiple of the normal one. Samples go to `report`, a JSON document a line."""
    directory = Path(tempfile.mkdtemp(prefix="el-b-", dir="/tmp"))
    try:
        with Mosquitto(directory) as broker, AgentUnderTest(broker_url=broker.url) as agent:
            work = Churn(agent=agent, broker=broker, seed=seed)
            began_s = time.monotonic()
            work.warm_up()
            before, files_before = _rest(agent, began_s), samples.files(agent.base)
            taken = _churn(agent, work, report, end_s=began_s + minutes * 60, mean_s=_mean_s(churn), every_s=every_s)
            unfinished = _unfinished(agent, work)
            work.stop()
            after, files_after = _rest(agent, began_s), samples.files(agent.base)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    left = {name: getattr(after, name) - getattr(before, name) for name in REST}
    return Result(
        trends=_trends(taken) if len(taken) >= trend.POINTS_MIN else (),
        changes={str(action): count for action, count in work.done.items()},
        unfinished=unfinished,
        left={name: count for name, count in left.items() if count > REST[name]},
        left_files=tuple(sorted(files_after - files_before)),
        grown_kib=after.rss_kib - before.rss_kib,
    )


def _mean_s(churn: float) -> float:
    return 60 / (NORMAL_CHANGES_PER_MINUTE * churn)


def _churn(
    agent: AgentUnderTest, work: Churn, report: Path | None, *, end_s: float, mean_s: float, every_s: float
) -> list[Sample]:
    taken: list[Sample] = []
    began_s = next_sample_s = time.monotonic()
    while time.monotonic() < end_s:
        work.step()
        next_change_s = time.monotonic() + work.wait_s(mean_s)
        while (now_s := time.monotonic()) < min(next_change_s, end_s):
            if now_s >= next_sample_s:
                taken.append(samples.take(agent.pid, agent.base, began_s=began_s))
                _note(report, taken[-1])
                next_sample_s += every_s
            time.sleep(max(0.0, min(0.5, next_change_s - time.monotonic())))
    return taken


def _rest(agent: AgentUnderTest, began_s: float) -> Sample:
    """Return what the agent holds once no pod and no engine is left."""
    until(lambda: not agent.containers(), within_s=120, what="every pod goes")
    until(lambda: not agent.engine_processes(), within_s=60, what="the engine ends")
    time.sleep(3)
    return samples.take(agent.pid, agent.base, began_s=began_s)


def _unfinished(agent: AgentUnderTest, work: Churn) -> tuple[str, ...]:
    """Return the pods that do not run although they are wanted, or run although they are not."""
    wanted = set(work.wanted)

    def differing() -> set[str]:
        running = {one["Labels"]["edgelet.pod.name"] for one in agent.containers() if one["State"] == "running"}
        return running ^ wanted

    # a crashed container may be in its back-off: up to five minutes
    end_s = time.monotonic() + 330
    while (left := differing()) and time.monotonic() < end_s:
        time.sleep(2)
    return tuple(sorted(left))


def _trends(taken: list[Sample]) -> tuple[Trend, ...]:
    times_s = [one.at_s for one in taken]
    return tuple(
        trend.judge(name, times_s, [float(getattr(one, name)) for one in taken], bound=bound)
        for name, (bound, _) in BOUNDS.items()
    )


def _note(report: Path | None, sample: Sample) -> None:
    if report is not None:
        with report.open("a") as file:
            file.write(json.dumps(sample.document()) + "\n")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--churn", type=float, default=20, help="multiple of one change a minute (default 20)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every-s", type=float, default=10, help="seconds between two samples")
    parser.add_argument("--report", type=Path, help="samples, a JSON document a line")
    asked = parser.parse_args()
    result = soak(minutes=asked.minutes, churn=asked.churn, seed=asked.seed, every_s=asked.every_s, report=asked.report)
    sys.stdout.write(f"{report_text(result, minutes=asked.minutes)}\n")
    return 0 if result.good else 1


def report_text(result: Result, *, minutes: float) -> str:
    """Return what is told to people."""
    lines = [
        f"{sum(result.changes.values())} changes in {minutes:g} min: {dict(result.changes)}",
        trend.table(result.trends, {name: unit for name, (_, unit) in BOUNDS.items()}),
    ]
    lines.append(f"at rest, without pods, RSS differs by {result.grown_kib} KiB from before the churn")
    lines += [f"left over: {count} {name}" for name, count in result.left.items()]
    lines += [f"left over: {name}" for name in result.left_files]
    if result.unfinished:
        lines.append(f"not as wanted in the end: {', '.join(result.unfinished)}")
    return "\n".join([*lines, "flat" if result.good else "NOT FLAT"])


if __name__ == "__main__":
    sys.exit(main())
