"""Several processes on one directory at once: registrars, and a person at the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from edgelet.adapters.x509 import revocation
from edgelet.ca.authority import Authority
from edgelet.ca.creation import create

WORK = """
import sys
from pathlib import Path
from edgelet.adapters.x509 import keys, requests
from edgelet.ca import revocation_lists
from edgelet.ca.authority import Authority
who, directory = sys.argv[1], Path(sys.argv[2])
sys.stdin.read(1)
with Authority.open(directory, actor=who) as authority:
    for number in range(25):
        name = f"{who}/n{number}"
        issued = authority.issue_node(requests.make(keys.generate(), name), name, reason="test")
        if number % 5 == 0:
            revocation_lists.revoke(authority, issued.serial, "superseded")
        revocation_lists.refresh(authority, force=number % 7 == 0)
"""


def test_four_processes_issue_and_revoke_at_once(tmp_path: Path) -> None:
    create(tmp_path / "ca").close()
    arguments = [sys.executable, "-c", WORK]
    running = [
        subprocess.Popen([*arguments, f"p{at}", str(tmp_path / "ca")], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        for at in range(4)
    ]
    for process in running:
        assert process.stdin is not None
        process.stdin.write(b"x")
        process.stdin.flush()
    for process in running:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said.decode()
    with Authority.open(tmp_path / "ca") as authority:
        records = authority.records()
        assert len({record.serial for record in records}) == len(records) == 100
        revoked = {record.serial for record in records if record.revoked_at is not None}
        assert len(revoked) == 20
        published = (tmp_path / "ca" / "crl.pem").read_bytes()
        assert published == authority.crl()  # the newest of all won
        issuing, _ = revocation.read(published, [one.certificate for one in authority.issuers.all()])
        assert issuing.serials == revoked
        actions = [(entry.actor, entry.action) for entry in authority.log()]
        assert sum(action == "issue" for _, action in actions) == 100
