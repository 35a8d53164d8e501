"""`policy`: what this board lets in, asked of the file itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgelet.cli.failure import CliError, UsageError
from edgelet.cli.flags import Flag
from edgelet.cli.verb import ALL_NAMESPACES, FILES, NAMESPACE, Call, Verb
from edgelet.cli.verbs.config import DEFAULT as SETTINGS

if TYPE_CHECKING:
    from edgelet.intake.admission.judge import Ruling

SOURCES = ("mqtt", "manifest", "api")
_FOUND = 1  # the exit code where something is refused

VERB = Verb(
    usage="policy check -f FILE|DIRECTORY|- [OPTIONS] | policy audit [OPTIONS]",
    about="check: judge manifests by policy.toml, without the agent; 1 where it would refuse one. "
    "audit: list the pods of this board that it would refuse now; 1 where there is one.",
    examples="""
edgelet policy check -f web.yaml
edgelet policy check -f web.yaml --source manifest
edgelet policy check -f manifests/ -R --policy ./draft.toml
edgelet policy audit
edgelet policy audit --policy ./draft.toml""",
    flags=(
        *FILES,
        NAMESPACE,
        ALL_NAMESPACES,
        Flag("policy", "The policy. Default: as the settings say.", value="FILE"),
        Flag("config", "The settings, TOML.", value="FILE", default=SETTINGS),
        Flag("source", "Where it would come from: mqtt, manifest or api.", value="NAME", default="mqtt"),
    ),
)


def run(call: Call) -> int:
    """Judge manifests, or what runs; returns the exit code."""
    match call.arguments:
        case ("check",):
            return _check(call, _ruling(call))
        case ("audit",):
            return _audit(call, _ruling(call))
        case _:
            if call.arguments[:1] in {("check",), ("audit",)}:
                raise UsageError(f"unexpected arguments: {' '.join(call.arguments[1:])}; manifests are given with -f")
            said = f"unknown command: policy {' '.join(call.arguments)}" if call.arguments else "policy needs a command"
            raise UsageError(f"{said}; there are check and audit")


def _check(call: Call, ruling: Ruling) -> int:
    from edgelet.api import kinds  # noqa: PLC0415  pydantic comes with the rest
    from edgelet.api.errors import EdgeletError, ForbiddenError, InvalidObjectError  # noqa: PLC0415
    from edgelet.cli import manifests  # noqa: PLC0415
    from edgelet.intake import admit  # noqa: PLC0415
    from edgelet.intake.admission import judge  # noqa: PLC0415

    source = call.parsed.text("source")
    if source not in SOURCES:
        raise UsageError(f'there is no source "{source}"; there are {", ".join(SOURCES)}')
    code = 0
    for manifest in manifests.read(call):
        if isinstance(manifest, CliError):
            raise manifest
        label = f"{manifest.resource.qualified}/{manifest.name}"
        kind = kinds.of_kind(manifest.resource.kind)
        try:
            if kind is None or kind.support != "acted":
                raise CliError(f"{label}: edgelet does not take objects of this kind")
            house = admit.House(node_name=_node_of(manifest.document))
            judge.check(admit.admit(manifest.document, kind, house=house).document, ruling, source=source)
        except (ForbiddenError, InvalidObjectError) as error:
            code = _FOUND
            lines = error.faults or (error.message,)
            print(f"{label}: refused\n" + "\n".join(f"  {one}" for one in lines))
        except EdgeletError as error:
            raise CliError(f"{label}: {error.message}") from error
        else:
            print(f"{label}: allowed")
    return code


def _node_of(document: dict[str, object]) -> str:
    """Return the node that a pod names: which one it is for says nothing about the policy."""
    spec = document.get("spec")
    name = spec.get("nodeName") if isinstance(spec, dict) else None
    return name if isinstance(name, str) and name else "board"


def _audit(call: Call, ruling: Ruling) -> int:
    from edgelet.api.pod import Pod  # noqa: PLC0415  pydantic comes with it
    from edgelet.cli.resources import PODS  # noqa: PLC0415
    from edgelet.intake.admission import judge  # noqa: PLC0415
    from edgelet.intake.reception import SOURCE_ANNOTATION  # noqa: PLC0415

    everywhere = call.parsed.switch("all-namespaces") or not call.parsed.given("namespace")
    pods = call.agent().list(PODS, "" if everywhere else call.namespace)["items"]
    code = 0
    for document in pods:
        pod = Pod.model_validate(document)
        source = pod.metadata.annotations.get(SOURCE_ANNOTATION, "api")
        found = judge.violations(pod, ruling, source=source)
        if found:
            code = _FOUND
            print(f"pod/{pod.metadata.name} -n {pod.metadata.namespace}, from {judge.source_of(source)}:")
            print("\n".join(f"  {one}" for one in found))
    if not code:
        print(f"all {len(pods)} pods would be let in")
    return code


def _ruling(call: Call) -> Ruling:
    """Return what counts by the files. Raises CliError naming each fault."""
    from edgelet.api.errors import EdgeletError  # noqa: PLC0415  pydantic comes with the settings
    from edgelet.config import load, policy_file  # noqa: PLC0415
    from edgelet.intake.admission.judge import Ruling  # noqa: PLC0415

    config = Path(call.parsed.text("config"))
    try:
        there = config if call.parsed.given("config") or config.exists() else None
        admission = load.load(there, call.environ).admission
        draft = call.parsed.text("policy")  # it may belong to anybody
        policy = policy_file.load(Path(draft), owner=None) if draft else policy_file.load(admission.policy)
    except EdgeletError as error:
        raise CliError(error.message) from error
    return Ruling(policy=policy, profile=admission.profile)
