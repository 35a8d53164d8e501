"""The board's certificate as its people see it, and their word that it is to be renewed."""

from __future__ import annotations

from typing import Protocol

from edgelet.ports.object_store import Document


class KeptCertificate(Protocol):
    """A certificate that renews itself."""

    def describe(self) -> Document:
        """Return commonName, serial (hex), notBefore, notAfter, renewFrom (RFC 3339) and trouble ("" for none).

        And revocationLists, of each list that is known: issuer, number, until (RFC 3339), revoked (how many).
        """
        ...

    def renew_soon(self) -> None:
        """Have a new one asked for as soon as there is a link, whatever the dates are.

        Raises:
            EdgeletError: MethodNotAllowed: somebody else renews it.
        """
        ...
