"""`ca crl`: revocation lists that are due are made anew."""

from __future__ import annotations

from edgelet.ca import revocation_lists
from edgelet.cli.ca import place, warning, words
from edgelet.cli.verb import Call


def run(call: Call) -> int:
    """Refresh them; with --force all of them. 1 where one could not be."""
    words.none(call)
    with place.opened(call) as authority:
        problems = revocation_lists.refresh(authority, force=call.parsed.switch("force"))
        for problem in problems:
            warning.tell(problem)
        now = authority.now()
        for one in [*authority.issuers.trusted("issuing", now), *authority.issuers.trusted("root", now)]:
            print(f"{one.file_stem}: good until {one.crl_next_update:%Y-%m-%d %H:%M:%SZ}")
        print(authority.directory / "crl.pem")
    return 1 if problems else 0
