"""How long what the authority signs is good; fixed when it is made, kept in its database."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from edgelet.ca.database import Database

_FACT = "terms"


@dataclass(frozen=True, slots=True)
class Terms:
    """Lives in days. The revocation list of the root lives longer: its key may lie in a safe."""

    root_days: float = 20 * 365
    issuing_days: float = 5 * 365
    client_days: float = 60  # nodes, controllers, registrars
    broker_days: float = 365
    crl_days: float = 30
    root_crl_days: float = 365
    backdated_s: float = 3600  # notBefore lies so far back: clocks of brokers differ


def crl_due(this_update: datetime, next_update: datetime) -> datetime:
    """When a revocation list has to be made anew: when a third of its life is gone."""
    return this_update + (next_update - this_update) / 3


def of_days(days: float) -> timedelta:
    """Whole seconds: certificates know nothing smaller."""
    return timedelta(seconds=int(days * 86400))


def load(database: Database) -> Terms:
    """The terms that the authority was made with. Raises StorageError."""
    kept = database.fact(_FACT)
    try:
        return Terms(**json.loads(kept)) if kept else Terms()
    except (ValueError, TypeError) as error:
        raise database.damaged("how long certificates are good") from error


def save(database: Database, terms: Terms) -> None:
    """Keep them."""
    database.keep(_FACT, json.dumps(asdict(terms)))
