"""`ca list`: certificates, requests that wait, issuing certificates, the audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from edgelet.ca import desk
from edgelet.ca.authority import Authority
from edgelet.cli import output, tabwriter
from edgelet.cli.ca import documents, place
from edgelet.cli.durations import human
from edgelet.cli.failure import UsageError
from edgelet.cli.output import Output
from edgelet.cli.verb import Call

Document = dict[str, Any]


def run(call: Call) -> int:
    """Print one of the lists."""
    what = call.arguments[1] if len(call.arguments) > 1 else "certificates"
    if what not in _LISTS or len(call.arguments) > 2:  # noqa: PLR2004  list WHAT
        raise UsageError(f"ca list shows one of {', '.join(_LISTS)}")
    form = output.parse(call.parsed.text("output"))
    with place.opened(call) as authority:
        found = _LISTS[what](authority, call)
        print(_shown(what, found, form, now=authority.now()), end="")
    return 0


def _shown(what: str, found: Sequence[Document], form: Output, *, now: datetime) -> str:
    if not form.is_table:
        names = [f"{what.removesuffix('s')}/{one['metadata']['name']}" for one in found]
        return output.render(form, {"apiVersion": "v1", "kind": "List", "items": list(found)}, names=names)
    if not found:
        return f"No {what} found.\n"
    headers, row = _TABLES[what]
    wide = form.form == "wide"
    shown = [at for at, header in enumerate(headers) if wide or not header.startswith("+")]
    rows = [[header.lstrip("+") for header in headers], *(row(one, now) for one in found)]
    text, _ = tabwriter.table([[line[at] for at in shown] for line in rows])
    return text


def _certificates(authority: Authority, call: Call) -> list[Document]:
    now = authority.now()
    hidden = set() if call.parsed.switch("all") else {"Expired"}
    return [documents.certificate(one, now) for one in authority.records() if one.state(now) not in hidden]


def _requests(authority: Authority, call: Call) -> list[Document]:
    state = "" if call.parsed.switch("all") else "Pending"
    return [documents.request(one) for one in desk.all_of(authority.database, state=state)]


def _issuers(authority: Authority, call: Call) -> list[Document]:
    hidden = set() if call.parsed.switch("all") else {"dropped"}
    found = [one for one in authority.issuers.all() if one.state not in hidden]
    return [documents.issuer(one, has_key=authority.issuers.has_key(one)) for one in found]


def _log(authority: Authority, call: Call) -> list[Document]:
    newest = 1_000_000_000 if call.parsed.switch("all") else 100
    return [documents.audit(at, one) for at, one in enumerate(authority.log(newest=newest), 1)]


def _left(text: str, now: datetime) -> str:
    end = datetime.fromisoformat(text)
    return human((end - now).total_seconds()) if end >= now else f"{human((now - end).total_seconds())} ago"


def _certificate_row(one: Mapping[str, Any], now: datetime) -> list[str]:
    spec, status = one["spec"], one["status"]
    return [
        *(spec["commonName"], spec["role"], one["metadata"]["name"][:16], status["phase"]),
        *(_left(status["notAfter"], now), status.get("revocationReason", "") or spec["reason"]),
        *(one["metadata"]["name"], status["notBefore"], status["notAfter"], spec["issuer"]),
    ]


def _request_row(one: Mapping[str, Any], now: datetime) -> list[str]:
    spec, status = one["spec"], one["status"]
    age = human((now - datetime.fromisoformat(one["metadata"]["creationTimestamp"])).total_seconds())
    return [
        *(one["metadata"]["name"], spec["commonName"], spec["kind"], status["phase"], age, spec["keyDigest"][:16]),
        *(spec["origin"], status.get("decidedBy", "")),
    ]


def _issuer_row(one: Mapping[str, Any], now: datetime) -> list[str]:
    spec, status = one["spec"], one["status"]
    return [
        *(one["metadata"]["name"], spec["role"], status["phase"], _left(status["notAfter"], now)),
        *(_left(status["crlNextUpdate"], now), "here" if status["key"] else "away", spec["commonName"]),
        spec["serial"],
    ]


def _log_row(one: Mapping[str, Any], now: datetime) -> list[str]:
    spec = one["spec"]
    age = human((now - datetime.fromisoformat(one["metadata"]["creationTimestamp"])).total_seconds())
    return [age, spec["actor"], spec["action"], spec["subject"], spec["outcome"], spec["detail"]]


_LISTS: Mapping[str, Callable[[Authority, Call], list[Document]]] = {
    "certificates": _certificates,
    "requests": _requests,
    "issuers": _issuers,
    "log": _log,
}
_TABLES: Mapping[str, tuple[Sequence[str], Callable[[Mapping[str, Any], datetime], list[str]]]] = {
    "certificates": (
        ("NAME", "ROLE", "SERIAL", "STATE", "ENDS", "REASON", "+FULL SERIAL", "+NOT BEFORE", "+NOT AFTER", "+ISSUER"),
        _certificate_row,
    ),
    "requests": (("ID", "NAME", "KIND", "STATE", "AGE", "KEY", "ORIGIN", "+DECIDED BY"), _request_row),
    "issuers": (("FILE", "ROLE", "STATE", "ENDS", "CRL ENDS", "KEY", "NAME", "+SERIAL"), _issuer_row),
    "log": (("AGE", "ACTOR", "ACTION", "SUBJECT", "OUTCOME", "+DETAIL"), _log_row),
}
