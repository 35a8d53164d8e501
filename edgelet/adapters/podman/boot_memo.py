"""An answer that holds until the next boot, kept in the run directory with what it depends on."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def fingerprint(paths: Iterable[str], *facts: object) -> str:
    """Return what an answer depends on, as text: these files' times and sizes (a missing one has none), and facts."""
    files = []
    for path in paths:
        with contextlib.suppress(OSError):
            stat = Path(path).stat()
            files.append((path, stat.st_mtime_ns, stat.st_size))
    return json.dumps([*facts, files])


def recall(file: Path, key: str) -> Any:
    """Return the answer that was kept under this key; None if there is none, or it cannot be read."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        document = json.loads(file.read_text())
        if document["key"] == key:
            return document["answer"]
    return None


def keep(file: Path, key: str, answer: object) -> None:
    """Keep a JSON value. Raises OSError."""
    temporary = file.with_suffix(".new")
    temporary.write_text(json.dumps({"key": key, "answer": answer}))
    temporary.replace(file)
