"""What a probe or a hook asks for, from its definition: ports by name, headers, references in commands. Pure."""

from __future__ import annotations

from urllib.parse import quote

from edgelet.api.container import Container
from edgelet.api.errors import EdgeletError
from edgelet.api.int_or_string import IntOrString
from edgelet.api.probe import ExecAction, HTTPGetAction
from edgelet.pods import expansion
from edgelet.ports.probe_net import HttpGet

VERSION = "1.35"  # of Kubernetes, as kube-probe tells it
PROBE_AGENT = f"kube-probe/{VERSION}"
HOOK_AGENT = f"kube-lifecycle/{VERSION}"
_MAX_PORT = 65535
_SAFE_IN_PATH = "/%:=&?~+!$,;'@()*[]|-._"
_SET_BY_DEFAULT = frozenset({"user-agent", "accept"})


def port(wanted: IntOrString, container: Container) -> int:
    """Return the number of a port; a name is one of the same container's ports.

    Raises:
        EdgeletError: There is no such port, in the kubelet's words.

    Source: Kubernetes pkg/probe/util.go ResolveContainerPort.
    """
    number = wanted if isinstance(wanted, int) else _by_name(wanted, container)
    if not 0 < number <= _MAX_PORT:
        raise EdgeletError("ProbeError", f"invalid port number: {number}")
    return number


def _by_name(name: str, container: Container) -> int:
    for one in container.ports:
        if one.name == name:
            return one.container_port
    if name.isdecimal():
        return int(name)  # an int that was said as a string
    raise EdgeletError("ProbeError", f'strconv.Atoi: parsing "{name}": invalid syntax')


def http(action: HTTPGetAction, container: Container, *, pod_ip: str, user_agent: str) -> HttpGet:
    """Return the request.

    Raises:
        EdgeletError: There is no such port.

    Source: Kubernetes pkg/probe/http/request.go NewRequestForHTTPGetAction.
    """
    number = port(action.port, container)
    given = [(one.name, one.value) for one in action.http_headers if one.name.lower() != "host"]
    said = {name.lower() for name, _ in given}
    headers = [] if "user-agent" in said else [("User-Agent", user_agent)]
    headers += [] if "accept" in said else [("Accept", "*/*")]
    headers += [one for one in given if one[1] or one[0].lower() not in _SET_BY_DEFAULT]
    return HttpGet(
        host=action.host or pod_ip,
        port=number,
        path=_path(action.path or "/"),
        scheme="https" if action.scheme == "HTTPS" else "http",
        headers=tuple(headers),
        host_header=next((one.value for one in action.http_headers if one.name.lower() == "host"), ""),
    )


def _path(path: str) -> str:
    asked = quote(path.partition("#")[0], safe=_SAFE_IN_PATH)
    return asked if asked.startswith("/") else f"/{asked}"


def command(action: ExecAction, container: Container) -> tuple[str, ...]:
    """Return the command; references to variables with a value of their own are replaced, others stay.

    Raises:
        EdgeletError: It becomes longer than Linux takes.

    Source: Kubernetes pkg/kubelet/container/helpers.go ExpandContainerCommandOnlyStatic.
    """
    scope: dict[str, str] = {}
    total = 0
    for one in container.env:
        if one.value_from is None:
            scope[one.name] = expansion.expand(one.value or "", scope)
            total = expansion.checked_total(total, scope[one.name])
    return expansion.expand_all(action.command, scope)
