"""policy.toml in the agent's life: read at start and on SIGHUP, its faults told, held against what runs."""

from __future__ import annotations

import logging
import os

from edgelet.api.errors import FieldError
from edgelet.api.pod import Pod
from edgelet.config import policy_file
from edgelet.config.policy import Policy
from edgelet.config.policy_file import PolicyError
from edgelet.config.settings import Settings
from edgelet.intake.admission import host_rules, judge
from edgelet.intake.admission.in_force import PolicyInForce
from edgelet.intake.admission.judge import Ruling
from edgelet.intake.reception import SOURCE_ANNOTATION
from edgelet.ports.events import EventSink
from edgelet.ports.object_store import Key, ObjectStore
from edgelet.ports.pod_files import HostBound

log = logging.getLogger(__name__)

_CLOSED = "{why}. No new pod is let in until that is put right and the agent is told by SIGHUP; what runs goes on"
_KEPT = "{why}. The policy that was read before still counts"


class BoardPolicy:
    """Holds the policy in force. A file that cannot be used at start lets nothing new in; later the old one stays."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.fault = ""  # why policy.toml cannot be used, for people; "" where it can
        try:
            policy = self._read()
        except PolicyError as error:
            policy, self.fault = Policy(), _CLOSED.format(why=error.message)
            log.error("policy.toml cannot be used", extra={"reason": error.reason, "error": error.message})  # noqa: TRY400
        profile = settings.admission.profile
        self.in_force = PolicyInForce(Ruling(policy=policy, profile=profile, closed=self.fault))
        self.signatures = policy.signatures  # what the engine is given; it learns of another one at the next start

    def reload(self) -> None:
        """Read the file again; one that cannot be used changes nothing but `fault`."""
        ruling = self.in_force.ruling
        try:
            policy = self._read()
            if policy.signatures != self.signatures:
                raise self._error("signatures", "the engine learns of another file at the agent's next start")
        except PolicyError as error:
            words = _CLOSED if ruling.closed else _KEPT
            self.fault = words.format(why=error.message)
            log.error("policy.toml cannot be used", extra={"reason": error.reason, "error": error.message})  # noqa: TRY400
            return
        self.fault = ""
        self.in_force.ruling = Ruling(policy=policy, profile=ruling.profile)
        log.info("policy.toml read again", extra={"profile": policy.profile or ruling.profile})

    def tell(self, store: ObjectStore, events: EventSink, node: Key) -> None:
        """Record a fault of the file, and each pod that the policy would not let in now, as Events."""
        if self.fault:
            events.record(node, "", type="Warning", reason="PolicyUnusable", message=self.fault)
        for stored in store.list("Pod"):
            if stored.deleting:
                continue
            pod = Pod.model_validate(stored.document)
            if found := judge.violations(pod, self.in_force.ruling, source=stored.source):
                words = judge.told(found, judge.profile_for(pod, self.in_force.ruling, source=stored.source))
                message = f"This pod would be refused now, and goes on: {words}"
                events.record(stored.key, stored.uid, type="Warning", reason="PolicyViolation", message=message)

    def host_bounds(self, pod: Pod) -> dict[str, HostBound]:
        """Return where the hostPath volumes of a stored pod may lead, by the policy that counts now."""
        source = judge.source_of(pod.metadata.annotations.get(SOURCE_ANNOTATION, ""))
        rules = self.in_force.ruling.policy.rules(source, pod.metadata.namespace or "default")
        return host_rules.bounds(pod, rules)

    def _read(self) -> Policy:
        policy = policy_file.load(self._settings.admission.policy, owner=os.geteuid())
        if policy.signatures is not None and self._settings.podman.socket is not None:
            why = "the engine of [podman] socket is not started by edgelet, and reads /etc/containers/policy.json"
            raise self._error("signatures", why)
        return policy

    def _error(self, key: str, why: str) -> PolicyError:
        return PolicyError(self._settings.admission.policy or policy_file.DEFAULT, (FieldError(key, why),))
