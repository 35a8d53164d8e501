"""One run of a lifecycle hook."""

from __future__ import annotations

import dataclasses

from edgelet.api.container import Container
from edgelet.api.errors import EdgeletError, ProbeError
from edgelet.api.pod import Pod
from edgelet.api.probe import HTTPGetAction, LifecycleHandler
from edgelet.pods import probe_request
from edgelet.pods.pod_events import PodEvents
from edgelet.pods.probe_call import CarePorts

_LONGEST_S = 24 * 3600.0  # a hook has no time limit of its own in Kubernetes; every wait has a bound here


async def run(  # noqa: PLR0917  one call, two places
    ports: CarePorts, pod: Pod, container: Container, container_id: str, handler: LifecycleHandler, ips: tuple[str, ...]
) -> str:
    """Run it to its end; return what went wrong, "" if nothing did.

    Source: Kubernetes pkg/kubelet/lifecycle/handlers.go.
    """
    metadata = pod.metadata
    where = f'for Container "{container.name}" in Pod "{metadata.name}_{metadata.namespace}({metadata.uid})"'
    if handler.exec is not None:
        argv = handler.exec.command
        try:
            result = await ports.runtime.exec(container_id, argv, timeout_s=_LONGEST_S)
        except EdgeletError as error:
            trouble, output = error.message, ""
        else:
            output = result.output.decode(errors="replace")
            trouble = result.not_started or (
                f"command '{' '.join(argv)}' exited with {result.exit_code}: {output}" if result.exit_code else ""
            )
        failed = f'Exec lifecycle hook ([{" ".join(argv)}]) {where} failed - error: {trouble}, message: "{output}"'
        return failed if trouble else ""
    if handler.http_get is not None:
        try:
            await _get(ports, pod, container, handler.http_get, ips)
        except EdgeletError as error:
            return f"HTTP lifecycle hook ({handler.http_get.path}) {where} failed - error: {error.message}"
        return ""
    if handler.sleep is not None:
        await ports.clock.sleep(float(handler.sleep.seconds))
        return ""
    return "Cannot run handler: invalid handler: tcpSocket"


async def _get(ports: CarePorts, pod: Pod, container: Container, action: HTTPGetAction, ips: tuple[str, ...]) -> None:
    """Ask; any answer will do. HTTPS falls back to HTTP where that is what the server speaks."""
    pod_ip = action.host or ports.pod_ip(pod, ips)
    request = probe_request.http(action, container, pod_ip=pod_ip, user_agent=probe_request.HOOK_AGENT)
    try:
        await ports.net.get(request, timeout_s=_LONGEST_S)
    except ProbeError as error:
        if not error.plain_http:
            raise
        plain = dataclasses.replace(
            request,
            scheme="http",
            headers=tuple(one for one in request.headers if one[0].lower() != "authorization"),
        )
        PodEvents(ports.events, pod)(
            "LifecycleHTTPFallback",
            f"request to HTTPS lifecycle hook {request.host} failed, falling back to HTTP",
            container=container.name,
            warning=True,
        )
        await ports.net.get(plain, timeout_s=_LONGEST_S)
