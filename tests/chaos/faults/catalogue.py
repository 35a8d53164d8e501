"""All faults by name, with how often each is chosen."""

from __future__ import annotations

from tests.chaos.fault import Fault
from tests.chaos.faults import link, power, processes

FAULTS: dict[str, tuple[Fault, int]] = {
    "agent_killed": (processes.agent_killed, 4),
    "agent_killed_often": (processes.agent_killed_often, 2),
    "agent_restarted": (processes.agent_restarted, 1),
    "agent_and_engine_killed": (processes.agent_and_engine_killed, 2),
    "engine_killed": (processes.engine_killed, 4),
    "conmon_killed": (processes.conmon_killed, 2),
    "container_killed": (processes.container_killed, 2),
    "infra_killed": (processes.infra_killed, 2),
    "pod_killed_whole": (processes.pod_killed_whole, 1),
    "reboot": (power.reboot, 2),
    "reboot_without_link": (power.reboot_without_link, 1),
    "reboots": (power.reboots, 1),
    "broker_killed": (link.broker_killed, 1),
    "broker_restarted": (link.broker_restarted, 1),
    "broker_wiped": (link.broker_wiped, 1),
    "link_frozen": (link.link_frozen, 2),
}
