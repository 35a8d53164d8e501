"""What a container said when it ended: the file behind terminationMessagePath, or the end of its log.

Source: Kubernetes pkg/kubelet/kuberuntime/kuberuntime_container.go getTerminationMessage and
readLastStringFromContainerLogs, container/runtime.go (limits), status/status_manager.go normalizeStatus.
"""

from __future__ import annotations

from edgelet.api.container import Container
from edgelet.api.pod import Pod
from edgelet.pods import references
from edgelet.ports.pod_files import PodFiles

DEFAULT_PATH = "/dev/termination-log"
FILE_LIMIT_BYTES = 4096
LOG_LIMIT_BYTES = 2048
LOG_LIMIT_LINES = 80
# Enough of a log's end for 80 lines or 2 KiB: each line carries about 45 bytes of time stamp and stream.
LOG_TAIL_BYTES = 32 * 1024
_POD_LIMIT_BYTES = 12 * 1024
_CRI_FIELDS = 3  # time, stream, P|F before the text


async def read(files: PodFiles, container: Container, *, pod: Pod, instance: int, exit_code: int, log_path: str) -> str:
    """Return the message of an instance that ended, "" if it left none. Never longer than its share of the pod's."""
    path = files.paths.termination_log(pod.metadata.uid, container.name, instance)
    own = await files.read_tail(path, FILE_LIMIT_BYTES) or b""
    if not own and wants_log(container, exit_code) and log_path:
        own = from_log(await files.read_tail(log_path, LOG_TAIL_BYTES) or b"")
    return text(own, limit_bytes(pod))


def wants_log(container: Container, exit_code: int) -> bool:
    """Whether the end of the log stands in for an empty file."""
    return container.termination_message_policy == "FallbackToLogsOnError" and exit_code != 0


def from_log(tail: bytes) -> bytes:
    """Return what the last lines of a CRI log say, without time and stream; the oldest is cut if need be."""
    lines = tail.splitlines(keepends=True)
    if len(tail) >= LOG_TAIL_BYTES and len(lines) > 1:
        lines = lines[1:]  # the first is a part of a line
    return b"".join(map(_content, _last(lines)))[-LOG_LIMIT_BYTES:]


def limit_bytes(pod: Pod) -> int:
    """Return how much of the pod's 12 KiB one container's message may take."""
    count = len(references.containers(pod)) + len(pod.spec.ephemeral_containers)
    return min(FILE_LIMIT_BYTES, _POD_LIMIT_BYTES // max(1, count))


def text(message: bytes, limit: int) -> str:
    """Return at most the first `limit` bytes as text; what is no UTF-8 is replaced."""
    return message[:limit].decode(errors="replace")


def _last(lines: list[bytes]) -> list[bytes]:
    """Return the last 80 lines; partial ones (P) belong to the line that follows."""
    count = 0
    for index in range(len(lines) - 1, -1, -1):
        count += not _is_partial(lines[index])
        if count > LOG_LIMIT_LINES:
            return lines[index + 1 :]
    return lines


def _is_partial(line: bytes) -> bool:
    return line.split(b" ", _CRI_FIELDS)[2:3] == [b"P"]


def _content(line: bytes) -> bytes:
    fields = line.split(b" ", _CRI_FIELDS)
    if len(fields) <= _CRI_FIELDS:
        return b""  # not written by conmon: a torn line after a power cut
    return fields[_CRI_FIELDS].rstrip(b"\n") if fields[2] == b"P" else fields[_CRI_FIELDS]
