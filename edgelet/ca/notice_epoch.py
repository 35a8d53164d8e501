"""The number of the notice to boards: it rises with whatever the notice says, and boards take none with a lower one."""

from __future__ import annotations

import hashlib
import json

from edgelet.ca.database import Database

_FACT = "bundle-epoch"


def of(database: Database, said: bytes) -> int:
    """The number of a notice that says this: one higher than the last one's if that said something else.

    Raises StorageError.
    """
    digest = hashlib.sha256(said).hexdigest()
    with database.transaction():
        kept = _kept(database)
        if kept["digest"] != digest:
            kept = {"digest": digest, "epoch": int(kept["epoch"]) + 1}
            database.keep(_FACT, json.dumps(kept))
    return int(kept["epoch"])


def pass_over(database: Database, count: int) -> None:
    """Leave out numbers that boards have heard already: the database was put back from before these notices.

    Raises StorageError.
    """
    with database.transaction():
        kept = _kept(database)
        database.keep(_FACT, json.dumps(kept | {"epoch": int(kept["epoch"]) + count}))


def _kept(database: Database) -> dict[str, str | int]:
    try:
        found = json.loads(database.fact(_FACT) or '{"digest": "", "epoch": 0}')
        return {"digest": str(found["digest"]), "epoch": int(found["epoch"])}
    except (ValueError, TypeError, KeyError) as error:
        raise database.damaged("the number of the notice to boards") from error
