"""`certificate`: the certificate of this node."""

from __future__ import annotations

import json
import time
from typing import Any

from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import Call, Verb

_API = "/edgelet/v1/certificate"
_PAUSE_S = 0.25

VERB = Verb(
    usage="certificate (show|renew) [OPTIONS]",
    about="The certificate of this node, and the revocation lists that it knows. It renews itself in time; renew asks "
    "for a new one now, with a new key, and waits until the broker has taken it: after somebody may have seen the "
    "key, or to try whether it works.",
    examples="""
edgelet certificate show
edgelet certificate renew
edgelet certificate renew --timeout 0""",
    flags=(Flag("timeout", "renew: how long to wait; 0: not at all.", value="DURATION", default="60s"),),
)


def run(call: Call) -> int:
    """Show or renew it."""
    if len(call.arguments) != 1 or call.arguments[0] not in {"show", "renew"}:
        raise UsageError("one of show, renew is required")
    timeout_s = call.parsed.duration_s("timeout")
    before: dict[str, Any] = call.agent().read(_API)
    if call.arguments[0] == "show":
        print(json.dumps(before, indent=2))
        return 0
    call.agent().call("POST", f"{_API}/renew")
    if not timeout_s:
        print("a new certificate is asked for")
        return 0
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        now = call.agent().read(_API)
        if now["serial"] != before["serial"]:
            print(f"certificate {now['serial']} of {now['commonName']} is good until {now['notAfter']}")
            return 0
        if now["trouble"]:
            raise CliError(f"{now['trouble']}; the node goes on trying, and goes on with the certificate that it has")
        time.sleep(_PAUSE_S)
    raise CliError(f"no new certificate came within {timeout_s:g} s; the node goes on trying as soon as it has a link")
