"""All settings in one value."""

from __future__ import annotations

from pathlib import Path

from edgelet.config.admission import AdmissionSettings
from edgelet.config.api import ApiSettings
from edgelet.config.disk import DiskSettings
from edgelet.config.eviction import EvictionSettings
from edgelet.config.flash import FlashSettings
from edgelet.config.identity import IdentitySettings
from edgelet.config.intake import IntakeSettings
from edgelet.config.logging import LogSettings
from edgelet.config.mqtt import MqttSettings
from edgelet.config.network import NetworkSettings
from edgelet.config.node import NodeSettings
from edgelet.config.paths import PathSettings
from edgelet.config.podman import PodmanSettings
from edgelet.config.secrets import SecretSettings
from edgelet.config.section import Section
from edgelet.config.trust import TrustSettings
from edgelet.config.workload import WorkloadSettings


class Settings(Section):
    """edgelet.toml, table by table."""

    node: NodeSettings = NodeSettings()
    paths: PathSettings = PathSettings()
    mqtt: MqttSettings = MqttSettings()
    identity: IdentitySettings = IdentitySettings()
    podman: PodmanSettings = PodmanSettings()
    api: ApiSettings = ApiSettings()
    admission: AdmissionSettings = AdmissionSettings()
    secrets: SecretSettings = SecretSettings()
    network: NetworkSettings = NetworkSettings()
    intake: IntakeSettings = IntakeSettings()
    workload: WorkloadSettings = WorkloadSettings()
    disk: DiskSettings = DiskSettings()
    eviction: EvictionSettings = EvictionSettings()
    flash: FlashSettings = FlashSettings()
    trust: TrustSettings = TrustSettings()
    log: LogSettings = LogSettings()

    @property
    def api_socket(self) -> Path:
        """The local API's socket."""
        return self.api.socket or self.paths.run / "edgelet.sock"
