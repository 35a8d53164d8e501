"""`exec`: a command inside a running container, with its exit code."""

from __future__ import annotations

import sys
from urllib.parse import urlencode

from edgelet.cli import containers
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.resources import PODS
from edgelet.cli.verb import CONTAINER, NAMESPACE, Call, Verb
from edgelet.cli.verbs.logs import pod_name

VERB = Verb(
    usage="exec [-i] [-t] POD [-c CONTAINER] -- COMMAND [ARGUMENT...]",
    about="Run a command in a running container. Its exit code becomes this command's.",
    examples="""
edgelet exec web -- cat /etc/hostname
edgelet exec -it web -c web -- sh
tar cf - site | edgelet exec -i web -- tar xf - -C /srv""",
    flags=(
        NAMESPACE,
        CONTAINER,
        Flag("stdin", "Hand standard input over.", short="i"),
        Flag("tty", "Give the command a terminal.", short="t"),
        Flag("quiet", "Only print what the command writes.", short="q"),
    ),
)


def run(call: Call) -> int:
    """Run the command; returns its exit code."""
    if not call.arguments:
        raise UsageError("pod, type/name or --filename must be specified")
    if call.parsed.dashed is None and len(call.arguments) > 1:
        raise UsageError("exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead")
    if len(call.arguments) > 1:
        raise UsageError("only one POD may be named; the command follows after --")
    if not call.parsed.dashed:
        raise UsageError("you must specify at least one command for the container")
    agent = call.agent()
    pod = agent.get(PODS, call.namespace, pod_name(call.arguments[0]))
    if (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}:
        phase = pod["status"]["phase"]
        raise CliError(f"cannot exec into a container in a completed pod; current phase is {phase}")
    from edgelet.cli import exec_session  # noqa: PLC0415  wsproto, once there is something to talk to

    stdin, tty = _stdin(call), _tty(call)
    query = [("container", containers.choose(pod, call.parsed.text("container")))]
    query += [("command", word) for word in call.parsed.dashed]
    query += [("stdin", str(stdin).lower()), ("stdout", "true"), ("stderr", str(not tty).lower())]
    query += [("tty", str(tty).lower())]
    path = PODS.path(call.namespace, pod["metadata"]["name"], "exec")
    ends = exec_session.Ends(stdin=sys.stdin.fileno() if stdin else None, tty=tty)
    status = exec_session.run(agent.socket_path, f"{path}?{urlencode(query)}", ends)
    return exec_session.exit_code(status, quiet=call.parsed.switch("quiet"))


def _stdin(call: Call) -> bool:
    """Whether there is an input to hand over: the caller may have closed it (`<&-`)."""
    return call.parsed.switch("stdin") and sys.stdin is not None


def _tty(call: Call) -> bool:
    """A terminal only where this side has one too."""
    if not call.parsed.switch("tty"):
        return False
    if _stdin(call) and not sys.stdin.isatty():
        if not call.parsed.switch("quiet"):
            print("Unable to use a TTY - input is not a terminal or the right kind of file", file=sys.stderr)
        return False
    return True
