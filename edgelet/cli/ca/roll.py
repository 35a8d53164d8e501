"""`ca roll`: a new issuing certificate or a new root, old and new side by side."""

from __future__ import annotations

from edgelet.ca import roll_over
from edgelet.cli.ca import place, words
from edgelet.cli.failure import UsageError
from edgelet.cli.verb import Call


def run(call: Call) -> int:
    """One of the three steps: make it, --use it, --drop the old one."""
    role = words.one(call, "root|issuing")
    if role not in {"root", "issuing"}:
        raise UsageError(f'ca roll takes root or issuing, not "{role}"')
    using, dropping = call.parsed.switch("use"), call.parsed.switch("drop")
    if using and dropping:
        raise UsageError("--use and --drop are two steps: the old one is dropped when nothing needs it any more")
    if using and role == "root":
        raise UsageError("a root comes into use with an issuing certificate below it: ca roll issuing, then --use")
    with place.opened_for_writing(call) as authority, authority.audited("roll", role):
        if dropping:
            for one in roll_over.drop(authority, role, force=call.parsed.switch("force")):
                print(f"{one.file_stem} dropped: {one.certificate.common_name}")
            print("Now: edgelet ca mosquitto --out DIR, and a reload of every broker.")
        elif using:
            print(f"{roll_over.use(authority).file_stem} is in use from now on.")
            print("Now: edgelet ca mosquitto --out DIR, and a reload of every broker: its certificate is new too.")
        else:
            made = roll_over.begin(authority, role)
            print(f"{made.file_stem} made: {made.certificate.common_name}, until {made.certificate.not_after:%Y-%m-%d}")
            after = "edgelet ca roll issuing" if role == "root" else "edgelet ca roll issuing --use"
            print("It is trusted and not yet used. Now: edgelet ca mosquitto --out DIR, and a reload of every broker;")
            print(f"when the boards have the new bundle too: {after}")
    return 0
