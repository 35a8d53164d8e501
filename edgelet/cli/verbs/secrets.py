"""`secrets`: the keys of this node."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from edgelet.cli import sealing
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import Call, Verb
from edgelet.cli.verbs import config

_API = "/edgelet/v1/secrets"
_WORDS = ("public-key", "status", "rotate-key", "rotate-sealing-key")

VERB = Verb(
    usage=f"secrets {'|'.join(_WORDS)} [OPTIONS]",
    about="The keys of this node. public-key: what `edgelet seal` takes. status: ids of the keys, and how many Secrets "
    "cannot be read. rotate-key: a new key for Secrets on this board's disk; everything is encrypted anew and the old "
    "key is destroyed; also while the agent is stopped. rotate-sealing-key: a new public key; older ones go on opening "
    "what was sealed for them ([secrets] sealing_keys).",
    examples="""
edgelet secrets public-key
edgelet secrets status
edgelet secrets rotate-key
edgelet secrets rotate-sealing-key""",
    flags=(Flag("config", "The settings, where the agent is stopped.", value="FILE", default=config.DEFAULT),),
)


def run(call: Call) -> int:
    """Show or change keys."""
    if len(call.arguments) != 1 or call.arguments[0] not in _WORDS:
        raise UsageError(f"one of {', '.join(_WORDS)} is required")
    word = call.arguments[0]
    if word in ("public-key", "status"):
        told = call.agent().read(_API)
        print(sealing.public_key(told) if word == "public-key" else json.dumps(told, indent=2))
        return 0
    if word == "rotate-key" and _is_stopped(call):
        print(f"the node key is changed: {_rotate_stopped(call)}")
        return 0
    told = call.agent().call("POST", f"{_API}/{word}")
    if word == "rotate-key":
        print(f"the node key is changed: {told['nodeKey']}")
    else:
        print(told["publicKey"])
    return 0


def _is_stopped(call: Call) -> bool:
    """Whether no agent answers."""
    from edgelet.cli import http_client  # noqa: PLC0415  only where it is asked

    try:
        http_client.connect(call.agent().socket_path).close()
    except CliError:
        return True
    return False


def _rotate_stopped(call: Call) -> str:
    """Change the key of the database that no agent has open."""
    from edgelet.adapters.host.clock import SystemClock  # noqa: PLC0415  the agent's own modules, for this alone
    from edgelet.agent import node_secrets, state  # noqa: PLC0415
    from edgelet.api.errors import EdgeletError  # noqa: PLC0415
    from edgelet.config.load import load  # noqa: PLC0415

    path = Path(call.parsed.text("config"))
    try:
        settings = load(path if path.exists() or call.parsed.given("config") else None, call.environ)
        if not (settings.paths.state / state.DATABASE).exists():
            raise CliError(f"there is no database in {settings.paths.state}, and no agent answers")
        return asyncio.run(
            node_secrets.rotate_stopped(
                settings, lambda keys: state.open_state(settings, SystemClock(), at_rest=keys.node_keys).store
            )
        )
    except EdgeletError as error:
        raise CliError(error.message) from error
