"""The agent's log lines: logfmt or JSON on stderr, with pod and reason, never a secret."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_PLAIN = re.compile(r"[^\s\"=\\]+")


def configure(*, level: str, form: Literal["logfmt", "json"], under_journal: bool) -> None:
    """Set up the root logger; calling it again replaces what was set up before (reload)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else LogfmtFormatter(with_time=not under_journal))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("asyncio").setLevel(logging.WARNING)


def fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record says: level, msg, then its own fields, then the place of an exception."""
    found: dict[str, Any] = {"level": record.levelname.lower(), "msg": record.getMessage()}
    found |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
    if record.exc_info and record.exc_info[0] is not None:
        found["exception"] = "".join(traceback.format_exception(*record.exc_info)).strip()
    return found


class LogfmtFormatter(logging.Formatter):
    """key=value pairs on one line; values with spaces are quoted."""

    def __init__(self, *, with_time: bool) -> None:
        super().__init__()
        self._with_time = with_time

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        head = {"time": _time(record)} if self._with_time else {}
        return " ".join(f"{key}={_quoted(value)}" for key, value in {**head, **fields(record)}.items())


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return json.dumps({"time": _time(record), **_texts(fields(record))}, ensure_ascii=False)


def _texts(found: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
        for key, value in found.items()
    }


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _quoted(value: object) -> str:
    text = str(value)
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
