"""`ca serve`: the registrar, which answers boards over MQTT."""

from __future__ import annotations

import logging
import re
import shlex
import socket
from datetime import timedelta

from edgelet.adapters.mqtt import address
from edgelet.ca import serve
from edgelet.ca.registrar import Policy
from edgelet.cli import durations
from edgelet.cli.ca import place, warning, words
from edgelet.cli.failure import UsageError
from edgelet.cli.verb import Call

_DAYS = re.compile(r"([0-9]{1,5})d")


def run(call: Call) -> int:
    """Serve until SIGTERM."""
    words.none(call)
    if not call.parsed.text("broker"):
        raise UsageError("--broker URL is required")
    if (approve := call.parsed.text("approve")) not in {"auto", "manual"}:
        raise UsageError(f'--approve is auto or manual, not "{approve}"')
    options = serve.Options(
        broker=call.parsed.text("broker"),
        name=call.parsed.text("name") or socket.gethostname().partition(".")[0].lower(),
        prefix=words.prefix(call),
        ca=call.parsed.text("ca"),
        username=call.parsed.text("username"),
        password_file=call.parsed.text("password-file"),
        on_change=_words(call.parsed.text("on-change")),
        policy=Policy(approve_joins=approve == "auto", renew_grace=grace(call.parsed.text("renew-grace"))),
    )
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    if not address.parse(options.broker).tls:
        warning.tell(
            f"{options.broker} has no TLS: whoever is between here and the broker reads join requests and the password"
        )
    with place.opened(call) as authority:
        serve.run(authority, options, say=lambda text: print(text, flush=True))
    return 0


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f'invalid argument "{text}" for "--on-change" flag: {error}') from error


def grace(text: str) -> timedelta:
    """A time in days (365d) or as Go writes durations.

    Raises:
        UsageError: It is neither.
    """
    if found := _DAYS.fullmatch(text):
        return timedelta(days=int(found[1]))
    try:
        seconds = durations.parse_s(text)
    except ValueError as error:
        raise UsageError(f'invalid argument "{text}" for "--renew-grace" flag: {error}') from error
    if not 0 <= seconds <= timedelta.max.total_seconds() / 2:
        raise UsageError(f'invalid argument "{text}" for "--renew-grace" flag: below 0, or too long')
    return timedelta(seconds=seconds)
