"""`sign`: keys of signed desired state, and the index where no object changes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgelet.api.errors import EdgeletError
from edgelet.cli import passphrase
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import OVER_MQTT, SIGNING, Call, Verb

if TYPE_CHECKING:
    from edgelet.cli.signed_node import SignedNode

VERB = Verb(
    usage="sign (init-key FILE | public FILE | index | roll-key --new-key FILE) [OPTIONS]",
    about="Make a signing key, show its public half, sign a node's index anew, or go over to another key.",
    examples="""
edgelet sign init-key release.key
edgelet sign public release.key -o /etc/edgelet/signing/release.pem
edgelet sign index --node default/pi-01 --broker mqtts://broker --sign release.key --expires 2160h
edgelet sign roll-key --node default/pi-01 --broker mqtts://broker --sign release.key --new-key next.key""",
    flags=(
        Flag("passphrase-file", "init-key, public: file that holds the key's passphrase.", value="FILE"),
        Flag("output", "public: write there instead of to standard output.", short="o", value="FILE"),
        Flag("new-key", "roll-key: the private key that signs from now on.", value="FILE"),
        *OVER_MQTT,
        *SIGNING,
    ),
)


def run(call: Call) -> int:
    """Do what the first word says."""
    match call.arguments:
        case ("init-key", file):
            return _init_key(Path(file), _passphrase(call))
        case ("public", file):
            return _public(Path(file), _passphrase(call), call.parsed.text("output"))
        case ("index",):
            return _index(call)
        case ("roll-key",):
            return _roll_key(call)
        case ("init-key" | "public" as word, *_):
            raise UsageError(f"sign {word} needs exactly one FILE, got {len(call.arguments) - 1}")
        case _:
            said = f"unknown command: sign {' '.join(call.arguments)}" if call.arguments else "sign needs a command"
            raise UsageError(f"{said}; there are init-key FILE, public FILE, index and roll-key")


def _init_key(file: Path, secret: bytes | None) -> int:
    from edgelet.adapters.signing.signing_key import SigningKey  # noqa: PLC0415  cryptography, where it is needed

    key = SigningKey.generate()
    try:
        key.write(file, passphrase=secret)
    except EdgeletError as error:
        raise CliError(error.message) from error
    print(f"{file}: key {key.key_id}{'' if secret else ', without a passphrase'}")
    return 0


def _public(file: Path, secret: bytes | None, output: str) -> int:
    from edgelet.adapters.signing import public_keys  # noqa: PLC0415
    from edgelet.adapters.signing.signing_key import SigningKey  # noqa: PLC0415  cryptography, where it is needed

    try:
        text = public_keys.pem(SigningKey.read(file, passphrase=secret).public)
    except EdgeletError as error:
        raise CliError(error.message) from error
    if not output:
        print(text, end="")
        return 0
    try:
        Path(output).write_text(text, encoding="ascii")
    except OSError as error:
        raise CliError(f"cannot write {output}: {error.strerror}") from error
    return 0


def _index(call: Call) -> int:
    from edgelet.cli.signed_index import Change  # noqa: PLC0415

    node = _node(call)
    if node.present is None:
        raise CliError("there is no index to sign anew; `edgelet apply --sign` makes the first")
    index = node.publish(Change({}))
    print(f"index {index.version} until {index.expires:%Y-%m-%dT%H:%M:%SZ}, {len(index.objects)} objects")
    return 0


def _roll_key(call: Call) -> int:
    from edgelet.adapters.signing.signing_key import SigningKey  # noqa: PLC0415
    from edgelet.cli.signed_index import Change  # noqa: PLC0415

    if not (new := call.parsed.text("new-key")):
        raise UsageError("roll-key needs --new-key FILE")
    try:
        key = SigningKey.read(Path(new), passphrase=_passphrase(call))
    except EdgeletError as error:
        raise CliError(error.message) from error
    node = _node(call)
    if node.present is None:
        raise CliError("there is no index that could name the new key; `edgelet apply --sign` makes the first")
    if lacking := node.take_all():
        raise CliError(f"the broker lacks payloads of the index: {', '.join(lacking[:5])}; apply them first")
    index = node.also_by(key).publish(Change(node.gathered, keys={key.key_id: key.public}))
    print(f"index {index.version} names key {key.key_id}; a node that took it trusts no other")
    return 0


def _node(call: Call) -> SignedNode:
    for flag in ("node", "broker", "sign"):
        if not call.parsed.given(flag):
            raise UsageError(f"--{flag} is missing")
    from edgelet.cli import over_mqtt, signed_node  # noqa: PLC0415  paho, cryptography

    return signed_node.of(call, over_mqtt.session(call.parsed))


def _passphrase(call: Call) -> bytes | None:
    return passphrase.read(call.parsed.text("passphrase-file"))
