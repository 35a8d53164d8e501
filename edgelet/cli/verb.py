"""What a verb is made of, and how one call of it reaches its module."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgelet.cli.failure import UsageError
from edgelet.cli.flags import Flag, Parsed

if TYPE_CHECKING:
    from edgelet.cli.agent_api import AgentApi

_FOR_EVER_S = 10 * 365 * 86400.0
DEFAULT_SOCKET = "/run/edgelet/edgelet.sock"

GLOBAL_FLAGS = (
    Flag("help", "Show this help.", short="h"),
    Flag("socket", f"The agent's socket. Default: $EDGELET_SOCKET, else {DEFAULT_SOCKET}.", value="PATH"),
    Flag("request-timeout", "How long to wait for an answer; 0 means for ever.", value="DURATION", default="60s"),
)
NAMESPACE = Flag("namespace", "The namespace.", short="n", value="NAME", default="default")
ALL_NAMESPACES = Flag("all-namespaces", "All namespaces.", short="A")
SELECTOR = Flag("selector", "Labels to match: a=b,c!=d,e in (f,g),h,!i.", short="l", value="LABELS")
FIELD_SELECTOR = Flag("field-selector", "Fields to match: status.phase=Running.", value="FIELDS")
CONTAINER = Flag("container", "The container; the pod's first one where left out.", short="c", value="NAME")
POD_RUNNING_TIMEOUT = Flag(
    "pod-running-timeout",
    "Taken for kubectl's sake: a pod that is named is used as it is.",
    value="DURATION",
    default="1m0s",
)
FILES = (
    Flag("filename", "A file, a directory, or - for standard input.", short="f", value="PATH", repeated=True),
    Flag("recursive", "Directories with what is below them.", short="R"),
)
OVER_MQTT = (
    Flag("node", "Over MQTT instead: which node, TENANT/NAME.", value="TENANT/NAME"),
    Flag("broker", "The broker: mqtt://HOST:PORT or mqtts://HOST:PORT.", value="URL"),
    Flag("ca", "The broker's certificate authority, PEM; what FILE.revoked beside it names is refused.", value="FILE"),
    Flag("cert", "Own certificate, PEM.", value="FILE"),
    Flag("key", "Own key, PEM.", value="FILE"),
    Flag("username", "Name at the broker.", value="NAME"),
    Flag("password-file", "File that holds the password.", value="FILE"),
    Flag("prefix", "Root of the topics.", value="TOPIC", default="edgelet/v1"),
)


SIGNING = (
    Flag("sign", "Over MQTT: sign with this key; several keys sign side by side.", value="FILE", repeated=True),
    Flag("sign-passphrase-file", "File that holds the keys' passphrase.", value="FILE"),
    Flag("expires", "The node begins nothing new after so long.", value="DURATION", default="720h"),
    Flag("index-file", "Where the newest index is kept. Default: below $XDG_STATE_HOME/edgelet.", value="FILE"),
    Flag("epoch", "A new epoch, where the count of generations was lost.", value="NUMBER"),
    Flag("envelope", "Sign around the payload instead of beside it, for bridges that drop user properties."),
)


@dataclass(frozen=True, slots=True)
class Verb:
    """How a verb is called."""

    usage: str  # what follows `edgelet`
    about: str
    examples: str
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a verb: its words taken apart, and where it finds the agent."""

    verb: str
    parsed: Parsed
    environ: Mapping[str, str]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words that are no flags."""
        return self.parsed.arguments

    @property
    def namespace(self) -> str:
        """The namespace to work in; never empty."""
        return self.parsed.text("namespace") or "default"

    def agent(self) -> AgentApi:
        """The agent on this machine."""
        from edgelet.cli.agent_api import AgentApi  # noqa: PLC0415  `version --client` and help need none of it

        path = self.parsed.text("socket") or self.environ.get("EDGELET_SOCKET") or DEFAULT_SOCKET
        return AgentApi(os.path.expanduser(path), timeout_s=request_timeout_s(self.parsed))  # noqa: PTH111  no pathlib

    def no_arguments(self) -> None:
        """Refuse further words."""
        if self.arguments:
            raise UsageError(f"unexpected arguments: {' '.join(self.arguments)}")


def request_timeout_s(parsed: Parsed) -> float:
    """How long to wait for an answer; "for ever" is ten years, the most that a socket understands everywhere.

    Raises:
        UsageError: It is no duration, or less than nothing.
    """
    asked_s = parsed.duration_s("request-timeout")
    if asked_s < 0:
        raise UsageError(f'invalid argument "{parsed.text("request-timeout")}" for "--request-timeout" flag: below 0')
    return min(asked_s or _FOR_EVER_S, _FOR_EVER_S)
