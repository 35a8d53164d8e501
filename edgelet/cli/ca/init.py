"""`ca init`: a new authority."""

from __future__ import annotations

from dataclasses import replace

from edgelet.ca.creation import create
from edgelet.ca.terms import Terms
from edgelet.cli.ca import place
from edgelet.cli.failure import CliError
from edgelet.cli.verb import Call

_MOST_NAME = 50  # "NAME issuing 12" is a common name, of at most 64


def run(call: Call) -> int:
    """Make it, and say what to do next."""
    lives = Terms()
    if call.parsed.given("days"):
        days = call.parsed.integer("days")
        if not 1 <= days <= lives.issuing_days:
            raise CliError(f"--days must be in 1..{lives.issuing_days}")
        lives = replace(lives, client_days=days)
    name = call.parsed.text("name")
    if len(name) > _MOST_NAME:
        raise CliError(f"--name must have at most {_MOST_NAME} characters, this has {len(name)}")
    directory = place.directory(call)
    passphrase = place.passphrase(call)
    with create(directory, name=name, passphrase=passphrase, lives=lives) as authority:
        for one in authority.issuers.all():
            print(f"{one.role}: {one.certificate.common_name}, until {one.certificate.not_after:%Y-%m-%d}")
    print(f"The authority is in {directory}. Back it up; root.key may go into a safe.")
    if passphrase is None:
        print("Its keys have no passphrase: whoever reads the directory can sign for every board.")
    return 0
