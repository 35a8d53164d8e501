"""`ca serve`: the registrar, which answers boards over MQTT."""

from __future__ import annotations

import logging
import re
import socket
from datetime import timedelta
from typing import TYPE_CHECKING

from edgelet.cli import durations
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import Call

if TYPE_CHECKING:
    from edgelet.ca.authority import Authority

FLAGS = (
    Flag("broker", "serve: the broker, mqtts://HOST:PORT.", value="URL"),
    Flag(
        "name", "serve: this registrar's name; each that runs needs one of its own. Default: the host's.", value="NAME"
    ),
    Flag("approve", "serve: auto: a good token is enough; manual: a person says yes too.", value="HOW", default="auto"),
    Flag(
        "renew-grace",
        "serve: so long after its end a certificate can be renewed: 365d, 12h.",
        value="TIME",
        default="365d",
    ),
    Flag("ca", "serve: whom the broker's certificate has to be from; default: this authority.", value="FILE"),
    Flag("username", "serve: login at a broker that asks for no certificate.", value="NAME"),
    Flag("password-file", "serve: file that holds its password.", value="FILE"),
    Flag("prefix", "serve: root of the topics.", value="TOPIC", default="edgelet/v1"),
)
_DAYS = re.compile(r"([0-9]{1,5})d")


def run(call: Call, authority: Authority) -> int:
    """Serve until SIGTERM."""
    from edgelet.api import topic_prefix  # noqa: PLC0415
    from edgelet.ca import serve  # noqa: PLC0415  the MQTT client, for this command alone
    from edgelet.ca.registrar import Policy  # noqa: PLC0415

    if not call.parsed.text("broker"):
        raise UsageError("--broker URL is required")
    if (approve := call.parsed.text("approve")) not in {"auto", "manual"}:
        raise UsageError(f'--approve is auto or manual, not "{approve}"')
    if fault := topic_prefix.fault(call.parsed.text("prefix")):
        raise CliError(f"--prefix {fault}")
    options = serve.Options(
        broker=call.parsed.text("broker"),
        name=call.parsed.text("name") or socket.gethostname().partition(".")[0].lower(),
        prefix=call.parsed.text("prefix"),
        ca=call.parsed.text("ca"),
        username=call.parsed.text("username"),
        password_file=call.parsed.text("password-file"),
        policy=Policy(approve_joins=approve == "auto", renew_grace=grace(call.parsed.text("renew-grace"))),
    )
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    serve.run(authority, options, say=lambda text: print(text, flush=True))
    return 0


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
    if seconds < 0:
        raise UsageError(f'invalid argument "{text}" for "--renew-grace" flag: below 0')
    return timedelta(seconds=seconds)
