"""`port-forward`: local ports whose connections go to a pod."""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from edgelet.cli.agent_api import AgentApi
from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.resources import PODS
from edgelet.cli.verb import NAMESPACE, POD_RUNNING_TIMEOUT, Call, Verb
from edgelet.cli.verbs.logs import pod_name

if TYPE_CHECKING:
    from edgelet.cli import port_listeners

VERB = Verb(
    usage="port-forward (POD | pod/POD) [LOCAL:]REMOTE... [--address ADDRESS]",
    about="Listen on local ports and hand their connections to a pod's localhost, until interrupted or the pod ends.",
    examples="""
edgelet port-forward web 8080:80
edgelet port-forward web 5000 6000
edgelet port-forward pod/web :http
edgelet port-forward web 8080:80 --address localhost,10.19.21.23""",
    flags=(
        NAMESPACE,
        Flag("address", "Where to listen [default: localhost].", value="ADDRESS", repeated=True),
        POD_RUNNING_TIMEOUT,
    ),
)
MAXIMUM_CONNECTIONS = 48  # at once; more wait. The agent has 64 for everybody


@dataclass(frozen=True, slots=True)
class _Way:
    """Where connections go."""

    socket_path: str
    path: str


def run(call: Call) -> int:
    """Forward until interrupted.

    Raises:
        CliError: The pod is not there, ended, or no port can be listened on.
    """
    if len(call.arguments) < 2:  # noqa: PLR2004  a pod and a port
        raise UsageError("TYPE/NAME and list of ports are required for port-forward")
    # sockets, ipaddress and wsproto, once there is something to forward
    from edgelet.cli import port_listeners, port_pairs  # noqa: PLC0415

    groups = port_listeners.addresses(call.parsed.texts("address") or ("localhost",))
    agent = call.agent()
    name = pod_name(call.arguments[0])
    pod = agent.get(PODS, call.namespace, name)
    pairs = [port_pairs.parse(text, pod) for text in call.arguments[1:]]
    phase = (pod.get("status") or {}).get("phase") or "Pending"
    if phase != "Running":
        raise CliError(f"unable to forward port because pod is not running. Current status={phase}")
    listeners = port_listeners.listen(pairs, groups)
    way = _Way(agent.socket_path, PODS.path(call.namespace, name, "portforward"))
    lost = _watch(agent, call.namespace, name, str(pod["metadata"]["uid"]))
    try:
        _accept(listeners, way, lost)
    except KeyboardInterrupt:  # how it is meant to end, as with kubectl
        return 0
    raise CliError("lost connection to pod")


def _accept(listeners: list[port_listeners.Listener], way: _Way, lost: int) -> None:
    """Hand connections over, each to a thread of its own, until the pod is lost."""
    free = threading.Semaphore(MAXIMUM_CONNECTIONS)
    by_descriptor = {one.socket.fileno(): one for one in listeners}
    while True:
        ready, _, _ = select.select([lost, *by_descriptor], [], [])
        if lost in ready:
            return
        for descriptor in ready:
            listener = by_descriptor[descriptor]
            try:
                connection, _ = listener.socket.accept()
            except OSError:  # it left again
                continue
            free.acquire()
            print(f"Handling connection for {listener.local}", flush=True)
            worker = threading.Thread(
                target=_carry, args=(connection, listener, way, free), name=f"port/{listener.local}", daemon=True
            )
            worker.start()


def _carry(connection: socket.socket, listener: port_listeners.Listener, way: _Way, free: threading.Semaphore) -> None:
    from edgelet.cli import port_session  # noqa: PLC0415  see `run`

    target = f"{way.path}?{urlencode({'ports': listener.remote})}"
    try:
        fault = port_session.carry(way.socket_path, target, connection)
    except port_session.LocalGoneError:
        fault = ""
    except CliError as error:
        fault = error.message
    finally:
        connection.close()
        free.release()
    if fault:
        print(f"an error occurred forwarding {listener.local} -> {listener.remote}: {fault}", file=sys.stderr)


def _watch(agent: AgentApi, namespace: str, name: str, uid: str) -> int:
    """Return a descriptor that becomes readable when the pod ended, or the agent did."""
    reader, writer = os.pipe()

    def watch() -> None:
        query = {"fieldSelector": f"metadata.name={name}"}
        try:
            listed = agent.list(PODS, namespace, query)
            version = str((listed.get("metadata") or {}).get("resourceVersion", ""))
            if not any(_serves(one, uid) for one in listed["items"]):
                return
            for event in agent.watch(PODS, namespace, {**query, "resourceVersion": version}):
                if event.get("type") == "DELETED" or not _serves(event.get("object") or {}, uid):
                    return
        except (CliError, ValueError):
            pass
        finally:
            os.close(writer)

    threading.Thread(target=watch, name="pod-watch", daemon=True).start()
    return reader


def _serves(pod: Mapping[str, Any], uid: str) -> bool:
    """Whether it is still the pod that was asked for, and not over."""
    ended = (pod.get("status") or {}).get("phase") in {"Succeeded", "Failed"}
    return not ended and (pod.get("metadata") or {}).get("uid") == uid
