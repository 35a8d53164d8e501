"""`ca show`: certificates in full."""

from __future__ import annotations

from datetime import datetime

from edgelet.ca.records import Record
from edgelet.cli import output
from edgelet.cli.ca import documents, place, words
from edgelet.cli.verb import Call


def run(call: Call) -> int:
    """Print the certificates of a common name, the newest first, or the one of a serial."""
    which = words.one(call, "SERIAL|NAME")
    form = output.parse(call.parsed.text("output"))
    with place.opened(call) as authority:
        found, now = authority.named(which), authority.now()
        if form.is_table:
            print("\n".join(_told(record, now) for record in found), end="")
            return 0
        shown = [documents.certificate(record, now) for record in found]
        document = shown[0] if len(shown) == 1 else {"apiVersion": "v1", "kind": "List", "items": shown}
        print(output.render(form, document, names=[f"certificate/{record.serial}" for record in found]), end="")
    return 0


def _told(record: Record, now: datetime) -> str:
    lines = {
        "Name": record.common_name,
        "Role": record.role,
        "Serial": record.serial,
        "State": record.state(now),
        "Good": f"{record.not_before:%Y-%m-%d %H:%M:%SZ} to {record.not_after:%Y-%m-%d %H:%M:%SZ}",
        "Issued": f"{record.issued_at:%Y-%m-%d %H:%M:%SZ}, {record.reason}",
        "Issuer": record.issuer,
        "Key": f"SHA-256 {record.key_digest}",
    }
    if record.revoked_at is not None:
        lines["Revoked"] = f"{record.revoked_at:%Y-%m-%d %H:%M:%SZ}, {record.revoked_reason}"
    text = "".join(f"{name + ':':<9}{value}\n" for name, value in lines.items())
    return text + record.certificate_pem.decode()
