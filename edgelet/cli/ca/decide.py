"""`ca approve` and `ca deny`: a person's word on requests that wait."""

from __future__ import annotations

from edgelet.ca import approvals
from edgelet.cli.ca import place
from edgelet.cli.failure import UsageError
from edgelet.cli.verb import Call


def run(call: Call) -> int:
    """Decide about one request, or several."""
    verb, *identities = call.arguments
    if not identities:
        raise UsageError(f"ca {verb} needs the ID of a request: see edgelet ca list requests")
    with place.opened_for_writing(call) as authority:
        for identity in identities:
            if verb == "deny":
                denied = approvals.deny(authority, identity, message=call.parsed.text("message"))
                print(f"request/{identity} denied: {denied.common_name}")
                continue
            with authority.audited("approve", identity):
                issued = approvals.approve(authority, identity)
            print(f"request/{identity} approved: {issued.common_name}, serial {issued.serial}")
    return 0
