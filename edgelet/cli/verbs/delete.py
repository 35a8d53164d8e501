"""`delete`: objects by name, by label, or as files name them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgelet.cli import selection
from edgelet.cli.failure import CliError, ServerError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.resources import Resource
from edgelet.cli.server import Server, reach
from edgelet.cli.verb import ALL_NAMESPACES, FIELD_SELECTOR, FILES, NAMESPACE, OVER_MQTT, SELECTOR, SIGNING, Call, Verb

VERB = Verb(
    usage="delete (TYPE NAME... | TYPE/NAME... | TYPE --all | TYPE -l LABELS | -f FILE) [OPTIONS]",
    about="Delete objects, and wait until they are gone.",
    examples="""
edgelet delete pod web
edgelet delete pod web --grace-period=5
edgelet delete pods -l app=web --wait=false
edgelet delete -f web.yaml --ignore-not-found
edgelet delete namespace shop
edgelet delete pod web --force --grace-period=0""",
    flags=(
        *FILES,
        NAMESPACE,
        ALL_NAMESPACES,
        SELECTOR,
        FIELD_SELECTOR,
        Flag("all", "All objects of the type in the namespace."),
        Flag("grace-period", "Seconds to end in; -1: as the pod says.", value="SECONDS", default="-1"),
        Flag("force", "With --grace-period=0: kill at once."),
        Flag("now", "The same as --grace-period=1."),
        Flag("wait", "Return when the objects are gone.", value="BOOL", default="true", implied="true"),
        Flag("timeout", "How long to wait; 0: as long as it takes.", value="DURATION", default="0s"),
        Flag("ignore-not-found", "Absent objects are no error."),
        Flag("cascade", "Taken for kubectl's sake.", value="MODE", default="background", implied="background"),
        Flag("dry-run", "none or server", value="MODE", default="none", implied="server"),
        Flag("output", "name", short="o", value="FORMAT"),
        *OVER_MQTT,
        *SIGNING,
    ),
)
FIRST_LOOK_S = 0.02
LONGEST_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class _Deleted:
    """An object on its way out. `uid` is empty where the server did not say."""

    resource: Resource
    namespace: str
    name: str
    uid: str


def run(call: Call) -> int:
    """Delete everything that is meant; 1 if anything could not be."""
    options = _options(call)
    wait = call.parsed.switch("wait")
    timeout_s = call.parsed.duration_s("timeout")
    mode = call.parsed.text("dry-run")
    dry = mode not in {"none", "false", ""}
    suffix = "" if not dry else " (dry run)" if mode == "client" else " (server dry run)"
    server = reach(call)
    faults: list[CliError] = []
    going: list[_Deleted] = []
    for resource, namespace, name in _targets(call, server, faults):
        try:
            answer = server.delete(resource, namespace, name, options, {"dryRun": "All"} if dry else {})
        except ServerError as error:
            if not (error.not_found and call.parsed.switch("ignore-not-found")):
                faults.append(error)
            continue
        going.append(_Deleted(resource, namespace, name, _uid(answer)))
        _tell(call, resource, name, suffix=suffix)
    if going:
        server.commit()
    sys.stdout.flush()
    for fault in faults:
        print(fault, file=sys.stderr)
    if wait and not dry:
        _wait(server, going, timeout_s=timeout_s)
    if not going and not faults and not call.parsed.switch("ignore-not-found"):
        print("No resources found")
    return 1 if faults else 0


def _options(call: Call) -> dict[str, Any]:
    grace_s = call.parsed.integer("grace-period")
    if call.parsed.switch("now"):
        if grace_s != -1:
            raise UsageError("--now and --grace-period cannot be specified together")
        grace_s = 1
    if call.parsed.switch("force"):
        if grace_s > 0:
            raise UsageError("--force and --grace-period greater than 0 cannot be specified together")
        grace_s = 0
        print(
            "Warning: Immediate deletion does not wait for confirmation that the running resource has been terminated.",
            file=sys.stderr,
        )
    elif grace_s == 0:  # kubectl too: only --force means to kill without a word
        grace_s = 1
    options: dict[str, Any] = {"propagationPolicy": "Background"}
    return options if grace_s < 0 else {**options, "gracePeriodSeconds": grace_s}


def _targets(call: Call, server: Server, faults: list[CliError]) -> Iterator[tuple[Resource, str, str]]:
    if call.parsed.given("filename"):
        from edgelet.cli import manifests  # noqa: PLC0415  YAML, for files alone

        call.no_arguments()
        for manifest in manifests.read(call):
            if isinstance(manifest, CliError):
                faults.append(manifest)
            else:
                yield manifest.resource, manifest.namespace, manifest.name
        return
    labels, fields = call.parsed.text("selector"), call.parsed.text("field-selector")
    for target in selection.parse(call.arguments, verb="delete"):
        namespace = call.namespace if target.resource.namespaced else ""
        if target.name:
            if labels or fields or call.parsed.switch("all"):
                raise CliError("name cannot be provided when a selector is specified")
            yield target.resource, namespace, target.name
            continue
        if not (labels or fields or call.parsed.switch("all")):
            raise CliError("resource(s) were provided, but no name was specified")
        if call.parsed.switch("all-namespaces"):
            namespace = ""
        query = {key: value for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
        for item in server.list(target.resource, namespace, query)["items"]:
            metadata = item["metadata"]
            yield target.resource, str(metadata.get("namespace", "")), str(metadata["name"])


def _tell(call: Call, resource: Resource, name: str, *, suffix: str) -> None:
    if call.parsed.text("output") == "name":
        print(f"{resource.qualified}/{name}")
        return
    how = "force deleted" if call.parsed.switch("force") else "deleted"
    print(f'{resource.qualified} "{name}" {how}{suffix}', flush=True)


def _uid(answer: dict[str, Any]) -> str:
    """The uid in a deletion's answer, which is the object or a Status with details."""
    found = (answer.get("metadata") or {}).get("uid") or (answer.get("details") or {}).get("uid") or ""
    return str(found)


def _wait(server: Server, going: list[_Deleted], *, timeout_s: float) -> None:
    """Look again and again until all are gone, or other objects of the same name.

    Raises:
        CliError: Some are still there when the time is over.
    """
    end_s = time.monotonic() + timeout_s if timeout_s > 0 else float("inf")
    pause_s = FIRST_LOOK_S
    for one in going:
        while not _gone(server, one):
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                raise CliError(f"timed out waiting for the condition on {one.resource.plural}/{one.name}")
            time.sleep(min(pause_s, left_s))
            pause_s = min(pause_s * 1.5, LONGEST_PAUSE_S)


def _gone(server: Server, one: _Deleted) -> bool:
    found = server.find(one.resource, one.namespace, one.name)
    return found is None or bool(one.uid and (found.get("metadata") or {}).get("uid") != one.uid)
