"""`ca revoke`: take certificates back."""

from __future__ import annotations

from edgelet.ca import revocation_lists
from edgelet.cli.ca import place, words
from edgelet.cli.verb import Call


def run(call: Call) -> int:
    """Revoke all good ones of a name, or the one with a serial."""
    which = words.one(call, "SERIAL|NAME")
    with place.opened_for_writing(call) as authority, authority.audited("revoke", which):
        for record in revocation_lists.revoke(authority, which, call.parsed.text("reason")):
            print(f"certificate/{record.serial} revoked: {record.common_name} ({record.revoked_reason})")
    print("Brokers know it after: edgelet ca mosquitto --out DIR, and a reload.")
    return 0
