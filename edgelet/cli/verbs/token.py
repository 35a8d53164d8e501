"""`token`: one-time tokens for boards that join."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from edgelet.cli import password
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import Call, Verb

if TYPE_CHECKING:
    from edgelet.ca.authority import Authority

VERB = Verb(
    usage="token (create --node TENANT/NAME | list | delete ID) [OPTIONS]",
    about=(
        "Make, list and delete the one-time tokens that boards join with. `create` prints one line for `edgelet join`; "
        "whoever has it can become that node until it is used or ends, so hand it on as you would a password. "
        "Where the brokers are is remembered from one call to the next."
    ),
    examples="""
edgelet token create --node default/pi-01 --ttl 30m --broker mqtts://broker:8884 --link mqtts://broker:8883
edgelet token create --node default/pi-02
edgelet token list
edgelet token delete 00112233aabbccdd""",
    flags=(
        Flag("dir", "The authority's directory; also $EDGELET_CA_DIR.", value="DIR", default="/var/lib/edgelet-ca"),
        Flag("node", "The node that may join with it.", value="TENANT/NAME"),
        Flag("ttl", "How long it is good, 10m to 60m.", value="DURATION", default="30m"),
        Flag("long-lived", "Allow 1m to 8784h: boards that are flashed long before they start."),
        Flag("broker", "The broker's join listener: mqtts://HOST:PORT.", value="URL"),
        Flag("link", "The broker's listener for boards with a certificate: mqtts://HOST:PORT.", value="URL"),
        Flag(
            "user", "Login at the join listener; default: the one in the file of `edgelet ca mosquitto`.", value="NAME"
        ),
        Flag("password-file", "File that holds that login's password.", value="FILE"),
        Flag("prefix", "Root of the topics; default: edgelet/v1, or the one before.", value="TOPIC"),
    ),
)


def run(call: Call) -> int:
    """Do what the first word says."""
    words = call.arguments
    if words[:1] == ("delete",) and len(words) == 2:  # noqa: PLR2004  delete ID
        return _with_authority(call, _delete)
    if words in {("create",), ("list",)}:
        return _with_authority(call, _create if words == ("create",) else _list)
    if words[:1] == ("delete",):
        raise UsageError(f"token delete needs exactly one ID, got {len(words) - 1}: see edgelet token list")
    said = f"unknown command: token {' '.join(words)}" if words else "token needs a command"
    raise UsageError(f"{said}; there are create, list and delete ID")


def _with_authority(call: Call, work: Callable[[Call, Authority], None]) -> int:
    from edgelet.api.errors import EdgeletError  # noqa: PLC0415  cryptography and SQLite come with the work alone
    from edgelet.ca.authority import Authority  # noqa: PLC0415
    from edgelet.cli.ca import place  # noqa: PLC0415

    try:
        with Authority.open(place.directory(call)) as authority:
            work(call, authority)
    except EdgeletError as error:
        raise CliError(error.message) from error
    return 0


def _create(call: Call, authority: Authority) -> None:
    from edgelet.ca import join_lines  # noqa: PLC0415

    if not call.parsed.text("node"):
        raise UsageError("--node TENANT/NAME is required")
    given = {name: call.parsed.text(name) for name in ("broker", "link", "user", "prefix") if call.parsed.given(name)}
    if call.parsed.given("password-file"):
        given["password"] = password.read(call.parsed.text("password-file"))
    places = join_lines.places(authority, given, node=call.parsed.text("node"))
    print(
        join_lines.create(
            authority,
            places,
            node=call.parsed.text("node"),
            ttl_s=call.parsed.duration_s("ttl"),
            any_ttl=call.parsed.switch("long-lived"),
        )
    )


def _list(_call: Call, authority: Authority) -> None:
    from edgelet.ca import tokens  # noqa: PLC0415
    from edgelet.cli import tabwriter  # noqa: PLC0415

    now = authority.now()
    rows = [("ID", "NODE", "STATE", "EXPIRES", "CREATED BY")]
    rows += [
        (one.id, one.node, one.state(now), f"{one.expires_at:%Y-%m-%dT%H:%M:%SZ}", one.created_by)
        for one in tokens.all_of(authority.database)
    ]
    print(tabwriter.table(rows)[0] if len(rows) > 1 else "No tokens found\n", end="")


def _delete(call: Call, authority: Authority) -> None:
    from edgelet.ca import tokens  # noqa: PLC0415

    gone = tokens.delete(authority.database, call.arguments[1], actor=authority.actor, now=authority.now())
    print(f'token "{gone.id}" deleted')
