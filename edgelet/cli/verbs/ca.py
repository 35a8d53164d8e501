"""`ca`: the certificate authority of a fleet."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import Call, Verb

# Each with the module below edgelet.cli.ca and its function.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("init", "run"),
    "list": ("listing", "run"),
    "show": ("show", "run"),
    "approve": ("decide", "run"),
    "deny": ("decide", "run"),
    "revoke": ("revoke", "run"),
    "crl": ("crl", "run"),
    "issue": ("issue", "client"),
    "broker-cert": ("issue", "broker"),
    "mosquitto": ("mosquitto", "run"),
    "roll": ("roll", "run"),
    "serve": ("serve", "run"),
}

_TEXTS = ("name", "reason", "message")  # flags that are kept, or looked for

VERB = Verb(
    usage=f"ca ({'|'.join(COMMANDS)}) [ARGUMENTS] [OPTIONS]",
    about="Run the certificate authority of a fleet, on a server: who may connect, as whom, and until when. "
    "Its keys are files, with a passphrase if you want; keys in PKCS#11 tokens are not supported. "
    "docs/CERTIFICATES.md tells how it is used.",
    examples="""
edgelet ca init
edgelet ca mosquitto mqtt.example.com --out /etc/mosquitto/edgelet
edgelet ca issue default/_ctl-0 --out ./ctl-0
edgelet ca issue default/pi-01 --out ./pi-01
edgelet ca broker-cert mqtt.example.com 10.0.0.5 --out ./broker
edgelet ca list
edgelet ca list requests|issuers|log
edgelet ca show default/pi-01
edgelet ca approve 1f6c2a90
edgelet ca revoke default/pi-01 --reason keyCompromise
edgelet ca crl
edgelet ca roll issuing
edgelet ca serve --broker mqtts://mqtt.example.com:8883 --name r1""",
    flags=(
        Flag("dir", "The authority's directory; also $EDGELET_CA_DIR.", value="DIR", default="/var/lib/edgelet-ca"),
        Flag("passphrase-file", "File with the passphrase of the authority's keys in its first line.", value="FILE"),
        Flag("output", "json, yaml, name, wide, jsonpath=..., custom-columns=...", short="o", value="FORMAT"),
        Flag("all", "list: with what has ended, was decided or was dropped."),
        Flag(
            "name", "init: how its certificates are called. serve: the registrar's; default: the host's.", value="NAME"
        ),
        Flag("days", "How long a certificate is good; init: those of nodes (60).", value="N"),
        Flag("out", "issue, broker-cert, mosquitto: where to write.", value="DIR"),
        Flag("csr", "issue, broker-cert: sign this request, PEM, and make no key.", value="FILE"),
        Flag(
            "reason",
            "revoke: unspecified, keyCompromise, affiliationChanged, superseded, cessationOfOperation or "
            "privilegeWithdrawn.",
            value="WORD",
            default="unspecified",
        ),
        Flag("message", "deny: what the asker is told.", value="TEXT"),
        Flag("use", "roll issuing: sign with the new one from now on."),
        Flag("drop", "roll: trust the old one no more."),
        Flag("force", "roll --drop: although its certificates are still good. crl: before it is due."),
        Flag("at", "mosquitto: where the files will lie on the broker, if not in --out.", value="DIR"),
        Flag("store", "mosquitto: where it keeps messages.", value="DIR", default="/var/lib/mosquitto"),
        Flag("prefix", "mosquitto, serve: root of the topics.", value="TOPIC", default="edgelet/v1"),
        Flag("port", "mosquitto: for whoever has a certificate.", value="N", default="8883"),
        Flag("join-port", "mosquitto: for boards that join.", value="N", default="8884"),
        Flag("bind", "mosquitto: the one address to listen on.", value="ADDRESS"),
        Flag("group", "mosquitto: whose group may read the keys.", value="NAME", default="mosquitto"),
        Flag("broker", "serve: the broker for whoever has a certificate, mqtts://HOST:PORT.", value="URL"),
        Flag(
            "approve",
            "serve: auto: a good token is enough; manual: a person says yes too.",
            value="HOW",
            default="auto",
        ),
        Flag(
            "renew-grace",
            "serve: so long after its end a certificate can be renewed: 365d, 12h.",
            value="TIME",
            default="365d",
        ),
        Flag(
            "on-change",
            "serve: command (words, no shell) that hands authorities and revocation list to brokers; run at the start "
            "and after each change.",
            value="COMMAND",
        ),
        Flag("ca", "serve: whom the broker's certificate has to be from; default: this authority.", value="FILE"),
        Flag("username", "serve: login at a broker that asks for no certificate.", value="NAME"),
        Flag("password-file", "serve: file that holds its password.", value="FILE"),
    ),
)


def run(call: Call) -> int:
    """Carry out one of the commands."""
    command = call.arguments[0] if call.arguments else ""
    if command not in COMMANDS:
        said = f'unknown command: ca "{command}"' if command else "ca needs a command"
        raise UsageError(f"{said}; there are {', '.join(COMMANDS)}")
    for word in (*call.arguments, *map(call.parsed.text, _TEXTS)):
        if not _is_text(word):
            raise CliError(f"{word!a} is no UTF-8 text, so nothing can be so called")
    from edgelet.api.errors import EdgeletError  # noqa: PLC0415  cryptography and SQLite come with the command alone

    module, function = COMMANDS[command]
    try:
        code: int = getattr(import_module(f"edgelet.cli.ca.{module}"), function)(call)
    except EdgeletError as error:
        raise CliError(error.message) from error
    return code


def _is_text(word: str) -> bool:
    """Whether the database can hold it: bytes of a command line may be no UTF-8."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True
