from __future__ import annotations

from edgelet.pods import log_paths
from edgelet.ports.runtime import PodRef


def test_logs_lie_where_the_kubelet_has_them() -> None:
    pod = PodRef(uid="u", namespace="ns", name="web")
    assert log_paths.pod_directory("/var/log/pods", pod) == "/var/log/pods/ns_web_u"
    assert log_paths.directory("/var/log/pods", pod, "c") == "/var/log/pods/ns_web_u/c"
    assert log_paths.file("/var/log/pods", pod, "c", 3) == "/var/log/pods/ns_web_u/c/3.log"
