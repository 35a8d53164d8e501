from __future__ import annotations

import datetime as dt

import pytest

from edgelet.adapters.x509 import keys, signing
from edgelet.adapters.x509.signing import Life, Signer

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)


def life(days: float = 60) -> Life:
    return Life(NOW - dt.timedelta(hours=1), NOW + dt.timedelta(days=days))


@pytest.fixture(scope="session")
def root() -> Signer:
    key = keys.generate()
    return Signer(signing.root(key, name="a root", life=life(7300)), key)


@pytest.fixture(scope="session")
def issuing(root: Signer) -> Signer:
    key = keys.generate()
    return Signer(signing.issuing(root, key.public_key(), name="an issuer", life=life(1800)), key)
