"""Volumes of a pod: where their files come from."""

from __future__ import annotations

from typing import Any, Literal

from edgelet.api.environment import ObjectFieldSelector, ResourceFieldSelector
from edgelet.api.meta import LabelSelector
from edgelet.api.quantity import Quantity
from edgelet.api.value import Items, Value

HostPathType = Literal[
    "", "DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice", "BlockDevice"
]


class EmptyDirVolume(Value):
    """A directory that lives as long as the pod; medium Memory is a tmpfs."""

    medium: str | None = None
    size_limit: Quantity | None = None


class HostPathVolume(Value):
    """A path of the node."""

    path: str
    type: HostPathType | None = None


class KeyToPath(Value):
    """One key as a file at a relative path."""

    key: str
    path: str
    mode: int | None = None


class ConfigMapVolume(Value):
    """The keys of a ConfigMap as files."""

    name: str = ""
    items: Items[KeyToPath] = ()
    default_mode: int | None = None
    optional: bool | None = None


class SecretVolume(Value):
    """The keys of a Secret as files on tmpfs."""

    secret_name: str | None = None
    items: Items[KeyToPath] = ()
    default_mode: int | None = None
    optional: bool | None = None


class DownwardAPIFile(Value):
    """A field of the pod as a file."""

    path: str
    field_ref: ObjectFieldSelector | None = None
    resource_field_ref: ResourceFieldSelector | None = None
    mode: int | None = None


class DownwardAPIVolume(Value):
    """Fields of the pod as files."""

    items: Items[DownwardAPIFile] = ()
    default_mode: int | None = None


class SecretProjection(Value):
    """Keys of a Secret inside a projected volume."""

    name: str = ""
    items: Items[KeyToPath] = ()
    optional: bool | None = None


class ConfigMapProjection(Value):
    """Keys of a ConfigMap inside a projected volume."""

    name: str = ""
    items: Items[KeyToPath] = ()
    optional: bool | None = None


class DownwardAPIProjection(Value):
    """Fields of the pod inside a projected volume."""

    items: Items[DownwardAPIFile] = ()


class ServiceAccountTokenProjection(Value):
    """A token for an API server."""

    audience: str | None = None
    expiration_seconds: int | None = None
    path: str


class ClusterTrustBundleProjection(Value):
    """Trust anchors of a cluster."""

    name: str | None = None
    signer_name: str | None = None
    label_selector: LabelSelector | None = None
    optional: bool | None = None
    path: str


class VolumeProjection(Value):
    """Exactly one."""

    secret: SecretProjection | None = None
    config_map: ConfigMapProjection | None = None
    downward_api: DownwardAPIProjection | None = None
    service_account_token: ServiceAccountTokenProjection | None = None
    cluster_trust_bundle: ClusterTrustBundleProjection | None = None
    pod_certificate: dict[str, Any] | None = None


class ProjectedVolume(Value):
    """Several sources in one directory."""

    sources: Items[VolumeProjection] = ()
    default_mode: int | None = None


class PersistentVolumeClaimVolume(Value):
    """A claim of the namespace."""

    claim_name: str
    read_only: bool | None = None


class EphemeralVolume(Value):
    """A claim made for this pod; the template is a PersistentVolumeClaim's metadata and spec."""

    volume_claim_template: dict[str, Any] | None = None


class ImageVolume(Value):
    """The files of an OCI image, read-only."""

    reference: str | None = None
    pull_policy: Literal["Always", "IfNotPresent", "Never"] | None = None


# Sources that belong to clouds and clusters. They are refused with their path, so their insides are not looked at.
ForeignVolume = dict[str, Any]


class Volume(Value):
    """A name and exactly one source."""

    name: str
    empty_dir: EmptyDirVolume | None = None
    host_path: HostPathVolume | None = None
    config_map: ConfigMapVolume | None = None
    secret: SecretVolume | None = None
    projected: ProjectedVolume | None = None
    downward_api: DownwardAPIVolume | None = None
    persistent_volume_claim: PersistentVolumeClaimVolume | None = None
    ephemeral: EphemeralVolume | None = None
    image: ImageVolume | None = None
    aws_elastic_block_store: ForeignVolume | None = None
    azure_disk: ForeignVolume | None = None
    azure_file: ForeignVolume | None = None
    cephfs: ForeignVolume | None = None
    cinder: ForeignVolume | None = None
    csi: ForeignVolume | None = None
    fc: ForeignVolume | None = None
    flex_volume: ForeignVolume | None = None
    flocker: ForeignVolume | None = None
    gce_persistent_disk: ForeignVolume | None = None
    git_repo: ForeignVolume | None = None
    glusterfs: ForeignVolume | None = None
    iscsi: ForeignVolume | None = None
    nfs: ForeignVolume | None = None
    photon_persistent_disk: ForeignVolume | None = None
    portworx_volume: ForeignVolume | None = None
    quobyte: ForeignVolume | None = None
    rbd: ForeignVolume | None = None
    scale_io: ForeignVolume | None = None
    storageos: ForeignVolume | None = None
    vsphere_volume: ForeignVolume | None = None
