"""All faults by name, with how often each is chosen."""

from __future__ import annotations

from tests.chaos.fault import Fault
from tests.chaos.faults import clock, damage, disk, link, messages, power, processes

FAULTS: dict[str, tuple[Fault, int]] = {
    "agent_killed": (processes.agent_killed, 4),
    "agent_killed_often": (processes.agent_killed_often, 2),
    "agent_restarted": (processes.agent_restarted, 1),
    "agent_and_engine_killed": (processes.agent_and_engine_killed, 2),
    "engine_killed": (processes.engine_killed, 4),
    "helper_killed": (processes.helper_killed, 2),
    "conmon_killed": (processes.conmon_killed, 2),
    "container_killed": (processes.container_killed, 2),
    "infra_killed": (processes.infra_killed, 2),
    "dns_killed": (processes.dns_killed, 1),
    "pod_killed_whole": (processes.pod_killed_whole, 1),
    "reboot": (power.reboot, 2),
    "reboot_without_link": (power.reboot_without_link, 1),
    "reboots": (power.reboots, 1),
    "broker_killed": (link.broker_killed, 1),
    "broker_restarted": (link.broker_restarted, 1),
    "broker_wiped": (link.broker_wiped, 1),
    "link_frozen": (link.link_frozen, 2),
    "registry_away": (link.registry_away, 1),
    "clock_steps": (clock.clock_steps, 1),
    "started_in_the_past": (clock.started_in_the_past, 1),
    "disk_full": (disk.disk_full, 1),
    "disk_full_and_killed": (disk.disk_full_and_killed, 1),
    "database_disk_fails": (disk.database_disk_fails, 1),
    "database_disk_fails_and_killed": (disk.database_disk_fails_and_killed, 1),
    "log_cut_at_record": (damage.log_cut_at_record, 1),
    "log_cut_step_by_step": (damage.log_cut_step_by_step, 1),
    "log_cut_anywhere": (damage.log_cut_anywhere, 1),
    "log_garbled": (damage.log_garbled, 1),
    "database_garbled": (damage.database_garbled, 1),
    "image_layer_gone": (damage.image_layer_gone, 1),
    "layer_list_cut": (damage.layer_list_cut, 1),
    "image_list_cut": (damage.image_list_cut, 1),
    "container_list_cut": (damage.container_list_cut, 1),
    "engine_database_zeroed": (damage.engine_database_zeroed, 1),
    "garbage": (messages.garbage, 1),
    "oversized": (messages.oversized, 1),
    "duplicates": (messages.duplicates, 1),
    "apply_and_delete": (messages.apply_and_delete, 1),
    "crowd": (messages.crowd, 1),
}

ONLY_WITH_INFRA = ("infra_killed",)
