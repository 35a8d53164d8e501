from __future__ import annotations

import json
import logging
import sys

from edgelet.agent.log_format import JsonFormatter, LogfmtFormatter


def record(message: str, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord({"levelname": "WARNING", "levelno": 30, "msg": message, "created": 0.0})
    vars(made).update(extra)
    return made


def test_logfmt_is_one_line_with_quotes_where_needed() -> None:
    line = LogfmtFormatter(with_time=False).format(record('two\nlines "quoted"', pod="default/web", reason="Failed"))
    assert line == 'level=warning msg="two\\nlines \\"quoted\\"" pod=default/web reason=Failed'


def test_logfmt_tells_the_time_outside_the_journal() -> None:
    assert LogfmtFormatter(with_time=True).format(record("x")).startswith("time=1970-01-01T00:00:00.000Z level=")


def test_json_lines_parse_and_carry_the_fields() -> None:
    found = json.loads(JsonFormatter().format(record("hello", pod="a", error=ValueError("x"), count=3)))
    assert found == {
        "time": "1970-01-01T00:00:00.000Z",
        "level": "warning",
        "msg": "hello",
        "pod": "a",
        "error": "x",
        "count": 3,
    }


def test_an_exception_is_part_of_the_line() -> None:
    try:
        int("inside")
    except ValueError:
        made = record("broke", exc_info=sys.exc_info())
    line = LogfmtFormatter(with_time=False).format(made)
    assert "\n" not in line
    assert "ValueError: invalid literal" in line
