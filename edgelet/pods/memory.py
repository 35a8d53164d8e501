"""What a pod's worker knows beyond what the engine shows: back-off, images under way, why something waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from edgelet.api.container import ResourceRequirements
from edgelet.pods.restart_backoff import Entry
from edgelet.ports.images import ImageInfo
from edgelet.ports.runtime import Exited


@dataclass(frozen=True, slots=True)
class ImageUnknown:
    """Nobody has asked yet."""


@dataclass(frozen=True, slots=True)
class ImagePresent:
    """It is here; the next start may use it."""

    image: ImageInfo


@dataclass(frozen=True, slots=True)
class ImageFailed:
    """The last try failed. Times are monotonic."""

    reason: str
    message: str
    failed_s: float
    retry_at_s: float
    look_at_s: float  # when to see whether somebody else brought it meanwhile; not after retry_at_s
    volume_image: str = ""  # which one, where it is not the container's own


@dataclass(frozen=True, slots=True)
class ImageFetching:
    """It is being looked for or pulled."""

    before: ImageFailed | None = None  # the failure that this may mend: people see it until then


ImageState = ImageUnknown | ImageFetching | ImagePresent | ImageFailed


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a station could not be passed, and when it is tried again (monotonic; None: when something changes)."""

    reason: str
    message: str
    retry_at_s: float | None


@dataclass(frozen=True, slots=True)
class SeenExit:
    """The end of an instance as it was noticed."""

    at_s: float  # monotonic, of the end as far as it is known
    message: str = ""  # termination message


@dataclass(frozen=True, slots=True)
class LastInstance:
    """The newest instance that is known to have existed, kept when the engine has forgotten it."""

    number: int
    id: str
    image: str
    image_id: str
    spec_hash: str
    ended: Exited | None  # None: it was alive when it was seen last
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PendingResize:
    """Why a pod does not get yet what it wants."""

    reason: Literal["Deferred", "Infeasible"]
    message: str


@dataclass(frozen=True, slots=True)
class ProbeResults:
    """What the probes of one instance decided; None: nothing yet. Never on flash."""

    startup: bool | None = None
    liveness: bool | None = None
    readiness: bool | None = None


@dataclass(frozen=True, slots=True)
class PostStart:
    """A postStart hook that did not succeed yet, of the instance with this number.

    An agent that restarts knows nothing of it: the container counts as started, as for a kubelet that restarts.
    """

    instance: int
    state: Literal["due", "running", "failed"]


@dataclass(frozen=True, slots=True)
class ContainerMemory:
    """Of one container of the pod."""

    backoff: Entry | None = None
    image: ImageState = ImageUnknown()
    pull_delay_s: float = 0.0  # the wait after the next failed pull; 0 = none failed yet
    problem: Problem | None = None
    last: LastInstance | None = None
    previous: LastInstance | None = None  # the one before `last`, for lastState
    resources: ResourceRequirements | None = None  # what the newest instance has; None: what its container is given
    resize_problem: Problem | None = None
    restart_due: bool = False  # its last instance was ended to begin anew, whatever its policy says
    post_start: PostStart | None = None
    outlived_sandbox: int | None = None  # number of the instance that was seen running without its sandbox

    @property
    def image_failure(self) -> ImageFailed | None:
        """The failure that keeps its image from it, also while that is tried anew."""
        return self.image.before if isinstance(self.image, ImageFetching) else _failed(self.image)


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one pod. Replaced, never changed in place."""

    containers: Mapping[str, ContainerMemory] = field(default_factory=dict)
    exits: Mapping[str, SeenExit] = field(default_factory=dict)  # by container id
    probes: Mapping[str, ProbeResults] = field(default_factory=dict)  # by container id
    sandbox_attempt: int = 0  # the next sandbox's number
    ips: tuple[str, ...] = ()  # of the newest sandbox, kept in terminal pods
    files_ready: bool = False
    files_problem: Problem | None = None
    sandbox_problem: Problem | None = None
    sandbox_made_s: float | None = None  # monotonic, when this agent made the newest one
    deletion_started_s: float | None = None  # monotonic, when this agent began to end the pod
    active_since_s: float | None = None  # monotonic, of status.startTime
    volumes_gone: bool = False  # of a pod that ended
    allocated: Mapping[str, ResourceRequirements] = field(default_factory=dict)  # by container; empty: not judged yet
    resize_pending: PendingResize | None = None
    volume_images: Mapping[str, ImageFailed] = field(default_factory=dict)  # by reference, those that cannot be had
    initialized: bool = False  # every init container was done in the present sandbox

    def container(self, name: str) -> ContainerMemory:
        """Return what is known of a container; a new one knows nothing."""
        return self.containers.get(name, _NOTHING)

    def with_container(self, name: str, known: ContainerMemory) -> Memory:
        """Return the memory with something else known of a container."""
        return replace(self, containers={**self.containers, name: known})

    def probed(self, container_id: str) -> ProbeResults:
        """Return what probes decided about an instance."""
        return self.probes.get(container_id, _NOT_PROBED)


def _failed(image: ImageState) -> ImageFailed | None:
    return image if isinstance(image, ImageFailed) else None


_NOTHING = ContainerMemory()
_NOT_PROBED = ProbeResults()
