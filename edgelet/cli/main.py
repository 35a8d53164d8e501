"""The `edgelet` command: finds the verb, imports that one alone, and turns failures into kubectl's words and codes.

A board is slow at starting Python: nothing is imported here that a verb can do without (docs/CLI.md has the figures).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import parse
from edgelet.cli.verb import GLOBAL_FLAGS, NAMESPACE, OVER_MQTT, Call, Verb

SUMMARIES: Mapping[str, str] = {
    "apply": "Create or change objects from files or standard input",
    "create": "Create objects from files, or a namespace by name",
    "get": "Show objects: a table, JSON, YAML, or parts of them",
    "describe": "Show an object in full, with its events",
    "delete": "Delete objects by name, label or file",
    "patch": "Change parts of an object",
    "logs": "Show what a container wrote",
    "exec": "Run a command in a container",
    "attach": "Join the main process of a container",
    "port-forward": "Forward local ports to a pod",
    "cp": "Copy files to and from containers",
    "top": "Show use of CPU and memory",
    "sign": "Keys and indexes of signed desired state",
    "ca": "Run the certificate authority of a fleet",
    "seal": "Seal Secrets for one node",
    "secrets": "Show and change the keys of this node",
    "agent": "Run the agent: the daemon itself",
    "join": "Make this board a node of a fleet",
    "certificate": "Show and renew the certificate of this node",
    "token": "Make, list and delete the tokens that boards join with",
    "config": "Check settings",
    "policy": "Check manifests, and what runs, by the board's admission policy",
    "version": "Show the versions of this command and of the agent",
    "completion": "Print the set-up of completion for a shell",
}
HELP = ("help", "--help", "-h")
LEADING_FLAGS = (*GLOBAL_FLAGS, NAMESPACE, *OVER_MQTT)  # these may stand before the verb
COMPLETE = "_EDGELET_COMPLETE"  # set by the shell's completion


def run(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    _have_streams()
    try:
        code = complete() if COMPLETE in os.environ else _dispatch(words)
        sys.stdout.flush()
    except BrokenPipeError:  # `edgelet get pods | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # what the verbs did not foresee
        if isinstance(error.filename, str | bytes | os.PathLike):
            print(f"error: {os.fsdecode(error.filename)}: {error.strerror}", file=sys.stderr)
            return 1
        print(f"error: {error.strerror or error}", file=sys.stderr)  # of standard output: its disk is full
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return 130
    except CliError as error:
        sys.stdout.flush()
        verb = next((word for word in words if word in SUMMARIES), "")
        hint = f"\nSee 'edgelet {f'{verb} ' if verb else ''}--help' for usage." if isinstance(error, UsageError) else ""
        print(f"{error}{hint}", file=sys.stderr)
        return error.exit_code
    return code


def _have_streams() -> None:
    """Put the void where the caller closed a standard stream (`edgelet version >&-`): Python has None there."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  for as long as we live
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123


def load(verb: str) -> tuple[Verb, Any]:
    """The verb's declaration and its module."""
    module = import_module(f"edgelet.cli.verbs.{verb.replace('-', '_')}")
    return module.VERB, module


def _dispatch(words: list[str]) -> int:
    verb, rest = _split(words)
    if not verb:
        parse(words, LEADING_FLAGS)  # a flag that nobody knows is no cry for help
    if verb in HELP or not verb:
        return _help(rest[0] if rest and verb else "")
    if verb not in SUMMARIES:
        raise UsageError(f'unknown command "{verb}" for "edgelet"')
    if any(word in HELP[1:] for word in rest[: rest.index("--") if "--" in rest else len(rest)]):
        return _help(verb)
    declaration, module = load(verb)
    _refuse_mqtt(verb, declaration, rest)
    call = Call(verb, parse(rest, (*GLOBAL_FLAGS, *declaration.flags)), os.environ)
    code: int = module.run(call)
    return code


def _refuse_mqtt(verb: str, declaration: Verb, words: list[str]) -> None:
    """Say it plainly where a verb is for the node's own socket alone."""
    ours = words[: words.index("--")] if "--" in words else words
    asked = any(word == "--node" or word.startswith("--node=") for word in ours)
    if asked and all(flag.name != "node" for flag in declaration.flags):
        raise CliError(f"{verb} cannot be used over MQTT: it needs the node's own socket")


def _split(words: list[str]) -> tuple[str, list[str]]:
    """The verb, and all other words; flags that every verb has may stand before it."""
    leading = {f"--{flag.name}": flag for flag in LEADING_FLAGS}
    leading |= {f"-{flag.short}": flag for flag in leading.values() if flag.short}
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in HELP:
        flag = leading.get(words[at])
        at += 2 if flag is not None and not flag.bare else 1
    return (words[at], words[:at] + words[at + 1 :]) if at < len(words) else ("", [])


def _help(verb: str) -> int:
    if not verb:
        width = max(map(len, SUMMARIES)) + 2
        print("edgelet runs Kubernetes Pods on this board; this command talks to it as kubectl talks to a cluster.\n")
        print("Usage: edgelet VERB [OPTIONS] [ARGUMENTS]\n\nVerbs:")
        print("".join(f"  {name:<{width}}{summary}\n" for name, summary in SUMMARIES.items()))
        print("`edgelet VERB --help` tells all about a verb, with examples.")
        return 0
    if verb not in SUMMARIES:
        raise UsageError(f'unknown command "{verb}" for "edgelet"')
    from edgelet.cli import help_text  # noqa: PLC0415  typer: the one place that pays for it

    print(help_text.of(verb, load(verb)[0], columns=_columns()), end="")
    return 0


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):  # no terminal
        return 100


def complete() -> int:
    """Answer the shell that asks for completion."""
    from edgelet.cli import help_text  # noqa: PLC0415  typer: the one place that pays for it

    return help_text.complete({name: load(name)[0] for name in SUMMARIES}, SUMMARIES)
