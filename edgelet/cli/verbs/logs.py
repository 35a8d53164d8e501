"""`logs`: what containers wrote."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgelet.cli import containers
from edgelet.cli.agent_api import AgentApi
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.resources import PODS
from edgelet.cli.verb import CONTAINER, NAMESPACE, SELECTOR, Call, Verb

VERB = Verb(
    usage="logs (POD | pod/POD | -l LABELS) [-c CONTAINER] [OPTIONS]",
    about="Show what a container wrote: its running instance, or with -p the one before.",
    examples="""
edgelet logs web
edgelet logs web -c sidecar -f --tail=20
edgelet logs web --previous
edgelet logs web --since=10m --timestamps
edgelet logs web --all-containers --prefix
edgelet logs -l app=web""",
    flags=(
        NAMESPACE,
        CONTAINER,
        SELECTOR,
        Flag("follow", "Go on as more is written.", short="f"),
        Flag("previous", "The instance before the present one.", short="p"),
        Flag("tail", "So many last lines; -1: all (10 with -l).", value="LINES", default="-1"),
        Flag("since", "Nothing older than this: 5s, 2m, 3h.", value="DURATION", default="0s"),
        Flag("since-time", "Nothing older than this, RFC 3339.", value="TIME"),
        Flag("timestamps", "Each line with its time."),
        Flag("limit-bytes", "No more than this.", value="BYTES", default="0"),
        Flag("all-containers", "All containers of the pod."),
        Flag("prefix", "Each line with its pod and container."),
        Flag("max-log-requests", "So many logs at once with -f.", value="COUNT", default="5"),
    ),
)
TAIL_OF_MANY = "10"  # lines, as kubectl where a selector chose the pods
RESOURCE_AND_NAME = 2


@dataclass(frozen=True, slots=True)
class _Log:
    """The log of one container."""

    pod: str
    container: str

    @property
    def prefix(self) -> bytes:
        return f"[pod/{self.pod}/{self.container}] ".encode()


def run(call: Call) -> int:
    """Print the logs; one after the other, or side by side with -f."""
    query = _query(call)
    agent = call.agent()
    logs = [log for pod in _pods(call, agent) for log in _logs(call, pod)]
    follow = call.parsed.switch("follow")
    if not follow or len(logs) == 1:
        for log in logs:
            _copy(call, agent, log, query, endless=follow)
        return 0
    most = call.parsed.integer("max-log-requests")
    if len(logs) > most:
        raise CliError(
            f"you are attempting to follow {len(logs)} log streams, but maximum allowed concurrency is {most}, "
            "use --max-log-requests to increase the limit"
        )
    return _side_by_side(call, agent, logs, query)


def _query(call: Call) -> dict[str, str]:
    parsed = call.parsed
    tail, since_s = parsed.integer("tail"), parsed.duration_s("since")
    if since_s and parsed.text("since-time"):
        raise UsageError("at most one of `sinceTime` or `sinceSeconds` may be specified")
    if tail < -1:
        raise UsageError("--tail must be greater than or equal to -1")
    if since_s < 0:
        raise UsageError("--since must be greater than 0")
    query = {name: "true" for name in ("follow", "previous", "timestamps") if parsed.switch(name)}
    if tail >= 0:
        query["tailLines"] = str(tail)
    elif parsed.text("selector") and not parsed.given("tail"):
        query["tailLines"] = TAIL_OF_MANY
    if since_s:
        query["sinceSeconds"] = str(max(1, round(since_s)))
    if parsed.text("since-time"):
        query["sinceTime"] = parsed.text("since-time")
    if limit := parsed.integer("limit-bytes"):
        query["limitBytes"] = str(limit)
    return query


def _pods(call: Call, agent: AgentApi) -> Sequence[Mapping[str, Any]]:
    selector = call.parsed.text("selector")
    if selector:
        call.no_arguments()
        found: list[Mapping[str, Any]] = agent.list(PODS, call.namespace, {"labelSelector": selector})["items"]
        if not found:
            print(f"No resources found in {call.namespace} namespace.", file=sys.stderr)
        return found
    words = call.arguments
    if not words:
        raise UsageError(
            "expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'.\n"
            "POD or TYPE/NAME is a required argument for the logs command"
        )
    if len(words) > RESOURCE_AND_NAME or (len(words) == RESOURCE_AND_NAME and call.parsed.text("container")):
        raise UsageError("only one POD may be named")
    return (agent.get(PODS, call.namespace, pod_name(words[0])),)


def pod_name(word: str) -> str:
    """The pod that `web`, `pod/web` or `pods/web` means.

    Raises:
        CliError: It is of another type.
    """
    kind, slash, name = word.partition("/")
    if not slash:
        return word
    if kind not in {"pod", "pods", "po"} or not name:
        raise CliError(f"cannot get the containers of {word}: only pods have some")
    return name


def _logs(call: Call, pod: Mapping[str, Any]) -> list[_Log]:
    name = str(pod["metadata"]["name"])
    if call.parsed.switch("all-containers"):
        if call.parsed.text("container"):
            raise UsageError("--all-containers=true should not be specified with container name")
        return [_Log(name, container) for container in containers.names(pod)]
    asked = call.parsed.text("container") or (call.arguments[1] if len(call.arguments) > 1 else "")
    return [_Log(name, containers.choose(pod, asked))]


def _copy(
    call: Call, agent: AgentApi, log: _Log, query: Mapping[str, str], *, endless: bool, beside_others: bool = False
) -> None:
    chunks = agent.stream(
        PODS.path(call.namespace, log.pod, "log"), {**query, "container": log.container}, endless=endless
    )
    out = sys.stdout.buffer
    prefix = log.prefix if call.parsed.switch("prefix") else b""
    for chunk in _whole_lines(chunks, prefix, end=beside_others) if prefix or beside_others else chunks:
        out.write(chunk)
        out.flush()


def _whole_lines(chunks: Iterable[bytes], prefix: bytes, *, end: bool) -> Iterable[bytes]:
    """Whole lines, each behind the prefix; a last one without an end gets one where others write too."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if lines:
            yield b"".join(prefix + line + b"\n" for line in lines)
    if rest:
        yield prefix + rest + (b"\n" if end else b"")


def _side_by_side(call: Call, agent: AgentApi, logs: Sequence[_Log], query: Mapping[str, str]) -> int:
    faults: list[CliError] = []

    def follow(log: _Log) -> None:
        try:
            _copy(call, agent, log, query, endless=True, beside_others=True)
        except CliError as error:
            faults.append(error)
        except BrokenPipeError:  # nobody reads any more: the other threads see it too
            os._exit(1)

    threads = [
        threading.Thread(target=follow, args=(log,), name=f"log/{log.pod}/{log.container}", daemon=True) for log in logs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0
