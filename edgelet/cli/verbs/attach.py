"""`attach`: the main process of a running container, its output and input."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from edgelet.cli import containers
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.resources import PODS
from edgelet.cli.verb import CONTAINER, NAMESPACE, POD_RUNNING_TIMEOUT, Call, Verb
from edgelet.cli.verbs.logs import pod_name

VERB = Verb(
    usage="attach (POD | pod/POD) [-c CONTAINER] [-i] [-t]",
    about="Join the main process of a running container: see what it writes from now on, and with -i write to it.",
    examples="""
edgelet attach web
edgelet attach web -c sidecar
edgelet attach -it shell""",
    flags=(
        NAMESPACE,
        CONTAINER,
        Flag("stdin", "Hand standard input over.", short="i"),
        Flag("tty", "Standard input is a terminal, and so is the container's.", short="t"),
        Flag("quiet", "Only print what the process writes.", short="q"),
        POD_RUNNING_TIMEOUT,
    ),
)


def run(call: Call) -> int:
    """Carry until the process ends or the input does."""
    if not call.arguments:
        raise UsageError("at least 1 argument is required for attach")
    if len(call.arguments) > 1 or call.parsed.dashed:
        raise UsageError(f"expected POD, TYPE/NAME, or one argument, got {len(call.arguments)} arguments")
    agent = call.agent()
    pod = agent.get(PODS, call.namespace, pod_name(call.arguments[0]))
    phase = (pod.get("status") or {}).get("phase")
    if phase in {"Succeeded", "Failed"}:
        raise CliError(f"cannot attach a container in a completed pod; current phase is {phase}")
    container = containers.find(pod, containers.choose(pod, call.parsed.text("container")))
    from edgelet.cli import exec_session  # noqa: PLC0415  wsproto, once there is something to talk to

    quiet, tty = call.parsed.switch("quiet"), bool(container.get("tty"))
    stdin = call.parsed.switch("stdin") and sys.stdin is not None  # the caller may have closed it: `<&-`
    if call.parsed.switch("tty") and not tty and not quiet:
        print(f"error: Unable to use a TTY - container {container['name']} did not allocate one", file=sys.stderr)
    raw = tty and stdin
    if raw and not sys.stdin.isatty():
        raw = False
        if not quiet:
            print("Unable to use a TTY - input is not a terminal or the right kind of file", file=sys.stderr)
    if not quiet:
        print("If you don't see a command prompt, try pressing enter.", file=sys.stderr, flush=True)
    query = {"container": container["name"], "stdin": str(stdin).lower(), "stdout": "true"}
    query |= {"stderr": str(not tty).lower(), "tty": str(tty).lower()}
    path = PODS.path(call.namespace, pod["metadata"]["name"], "attach")
    ends = exec_session.Ends(stdin=sys.stdin.fileno() if stdin else None, tty=raw, redraw=True)
    status = exec_session.run(agent.socket_path, f"{path}?{urlencode(query)}", ends)
    code = exec_session.exit_code(status, quiet=quiet)
    if raw and not quiet:
        _tell_how_to_come_back(pod, str(container["name"]))
    return code


def _tell_how_to_come_back(pod: Mapping[str, Any], container: str) -> None:
    """Say it where there will be something to come back to, in kubectl's words."""
    spec, name = pod.get("spec") or {}, pod["metadata"]["name"]
    if (spec.get("restartPolicy") or "Always") != "Always":
        return
    again = f"'edgelet attach {name} -c {container} -i -t'"
    if any(one.get("name") == container for one in spec.get("ephemeralContainers") or []):
        text = (
            f"the ephemeral container will not be restarted but may be reattached using {again} if it is still running"
        )
    else:
        text = f"resume using {again} command when the pod is running"
    print(f"Session ended, {text}", file=sys.stderr)
