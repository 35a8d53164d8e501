"""Every field of a pod's spec and what this agent makes of it. A feature that arrives changes its line here.

Paths are without indexes; `spec.containers` speaks for init and ephemeral containers too, unless these have a line of
their own. What stands under a field that is listed and is not listed itself shares its verdict.
"""

from __future__ import annotations

from edgelet.api import huge_pages
from edgelet.intake.admission.verdict import Beside, Only, Plain, Refused, Verdict

HONOURED, SCHEDULER = Plain.HONOURED, Plain.SCHEDULER

_NO_CLUSTER = "needs a cluster, and this node stands alone"
_NOT_YET = "not supported by this version of edgelet"
_WINDOWS = "this node runs Linux"
_FOREIGN = Refused("this kind of volume is not supported on this node", harmless=())

_POD: dict[str, Verdict] = {
    "volumes": HONOURED,
    "initContainers": HONOURED,
    "containers": HONOURED,
    "ephemeralContainers": HONOURED,
    "restartPolicy": HONOURED,
    "terminationGracePeriodSeconds": HONOURED,
    "activeDeadlineSeconds": HONOURED,
    "dnsPolicy": HONOURED,
    "nodeSelector": HONOURED,
    "serviceAccountName": SCHEDULER,
    "serviceAccount": SCHEDULER,
    "automountServiceAccountToken": SCHEDULER,
    "nodeName": HONOURED,
    "hostNetwork": HONOURED,
    "hostPID": HONOURED,
    "hostIPC": HONOURED,
    "shareProcessNamespace": HONOURED,
    "securityContext": HONOURED,
    "imagePullSecrets": HONOURED,
    "hostname": HONOURED,
    "subdomain": HONOURED,
    "affinity": SCHEDULER,
    "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution": HONOURED,
    "schedulerName": SCHEDULER,
    "tolerations": HONOURED,
    "hostAliases": HONOURED,
    "priorityClassName": SCHEDULER,
    "priority": HONOURED,
    "dnsConfig": HONOURED,
    "readinessGates": HONOURED,
    "runtimeClassName": Refused(_NOT_YET),
    "enableServiceLinks": HONOURED,
    "preemptionPolicy": SCHEDULER,
    "overhead": Refused("belongs to a runtimeClassName, which is not supported by this version of edgelet"),
    "topologySpreadConstraints": SCHEDULER,
    "setHostnameAsFQDN": HONOURED,
    "os": HONOURED,
    "hostUsers": HONOURED,
    "schedulingGates": Refused(_NO_CLUSTER),
    "resourceClaims": Refused(_NO_CLUSTER),
    "resources": HONOURED,
    "resources.limits": Only(("cpu", "memory"), f"limits of this resource are {_NOT_YET}"),
    "resources.requests": Only(("cpu", "memory"), f"requests for this resource are {_NOT_YET}"),
    "resources.claims": Refused(_NO_CLUSTER),
    "hostnameOverride": HONOURED,
    "schedulingGroup": Refused(_NO_CLUSTER),
    "workloadRef": Refused(_NO_CLUSTER),
}

_STANDARD = ("cpu", "memory", "ephemeral-storage")
_CONTAINER: dict[str, Verdict] = {
    "name": HONOURED,
    "image": HONOURED,
    "command": HONOURED,
    "args": HONOURED,
    "workingDir": HONOURED,
    "ports": HONOURED,
    "envFrom": HONOURED,
    "env": HONOURED,
    "resources": HONOURED,
    "resources.limits": Only(_STANDARD, f"limits of this resource are {_NOT_YET}", huge_pages.RESOURCE),
    "resources.requests": Only(_STANDARD, f"requests for this resource are {_NOT_YET}", huge_pages.RESOURCE),
    "resources.claims": Refused(_NO_CLUSTER),
    "resizePolicy": HONOURED,
    "restartPolicy": HONOURED,
    "restartPolicyRules": HONOURED,
    "volumeMounts": HONOURED,
    "volumeDevices": Refused(f"block volumes are {_NOT_YET}"),
    "livenessProbe": HONOURED,
    "readinessProbe": HONOURED,
    "startupProbe": HONOURED,
    "lifecycle": HONOURED,
    "terminationMessagePath": HONOURED,
    "terminationMessagePolicy": HONOURED,
    "imagePullPolicy": HONOURED,
    "securityContext": HONOURED,
    "stdin": HONOURED,
    "stdinOnce": HONOURED,
    "tty": HONOURED,
}

_SECURITY: dict[str, Verdict] = {
    "spec.securityContext.windowsOptions": Refused(_WINDOWS),
    "spec.securityContext.supplementalGroupsPolicy": Beside(
        "runAsGroup",
        (),
        "needs runAsGroup of the pod: to a user without a group Podman gives the groups of the image",
        harmless=("Merge",),
    ),
    "spec.securityContext.sysctls.name": Only(
        (
            "kernel.shm_rmid_forced",
            "net.ipv4.ip_local_port_range",
            "net.ipv4.tcp_syncookies",
            "net.ipv4.ping_group_range",
            "net.ipv4.ip_unprivileged_port_start",
            "net.ipv4.ip_local_reserved_ports",
            "net.ipv4.tcp_keepalive_time",
            "net.ipv4.tcp_fin_timeout",
            "net.ipv4.tcp_keepalive_intvl",
            "net.ipv4.tcp_keepalive_probes",
            "net.ipv4.tcp_rmem",
            "net.ipv4.tcp_wmem",
        ),
        "not one of the sysctls that are safe for the node",
    ),
    "spec.containers.securityContext.windowsOptions": Refused(_WINDOWS),
}

_VOLUME: dict[str, Verdict] = {
    "name": HONOURED,
    "emptyDir": HONOURED,
    "emptyDir.medium": HONOURED,
    "hostPath": HONOURED,
    "configMap": HONOURED,
    "secret": HONOURED,
    "projected": HONOURED,
    "projected.sources.serviceAccountToken": Refused(_NO_CLUSTER, harmless=()),
    "projected.sources.clusterTrustBundle": Refused(_NO_CLUSTER, harmless=()),
    "projected.sources.podCertificate": Refused(_NO_CLUSTER, harmless=()),
    "downwardAPI": HONOURED,
    "persistentVolumeClaim": Refused(f"persistent volumes are {_NOT_YET}", harmless=()),
    "ephemeral": Refused(f"persistent volumes are {_NOT_YET}", harmless=()),
    "image": HONOURED,
    "awsElasticBlockStore": _FOREIGN,
    "azureDisk": _FOREIGN,
    "azureFile": _FOREIGN,
    "cephfs": _FOREIGN,
    "cinder": _FOREIGN,
    "csi": _FOREIGN,
    "fc": _FOREIGN,
    "flexVolume": _FOREIGN,
    "flocker": _FOREIGN,
    "gcePersistentDisk": _FOREIGN,
    "gitRepo": _FOREIGN,
    "glusterfs": _FOREIGN,
    "iscsi": _FOREIGN,
    "nfs": _FOREIGN,
    "photonPersistentDisk": _FOREIGN,
    "portworxVolume": _FOREIGN,
    "quobyte": _FOREIGN,
    "rbd": _FOREIGN,
    "scaleIO": _FOREIGN,
    "storageos": _FOREIGN,
    "vsphereVolume": _FOREIGN,
}

TABLE: dict[str, Verdict] = (
    {f"spec.{name}": verdict for name, verdict in _POD.items()}
    | {f"spec.containers.{name}": verdict for name, verdict in _CONTAINER.items()}
    | {f"spec.volumes.{name}": verdict for name, verdict in _VOLUME.items()}
    | _SECURITY
)
