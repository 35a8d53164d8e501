"""What a worker does in one round, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PrepareFiles:
    """Make or refresh the pod's directories, volumes and payloads."""


@dataclass(frozen=True, slots=True)
class MakeSandbox:
    """Make the shared namespaces."""

    attempt: int


@dataclass(frozen=True, slots=True)
class FetchImage:
    """See to it that the image is here, beside everything else; the worker is woken when it is decided."""

    container: str


@dataclass(frozen=True, slots=True)
class StartContainer:
    """Make and start one instance."""

    container: str
    instance: int
    ended_s: float | None  # monotonic end of the instance before, for the back-off; None for a first start


@dataclass(frozen=True, slots=True)
class RunPostStart:
    """Run the postStart hook of a container that was just started, beside everything else; the worker is woken."""

    container: str
    id: str
    instance: int


@dataclass(frozen=True, slots=True)
class Target:
    """A container to be ended."""

    container: str
    id: str


@dataclass(frozen=True, slots=True)
class KillContainers:
    """End these together: preStop hook, stop signal, wait, SIGKILL."""

    targets: tuple[Target, ...]
    grace_s: float
    message: str  # of the Killing event
    later: tuple[Target, ...] = ()  # stopped in a later round; their preStop hooks begin now
    hooks: bool = True  # False: as if they had no preStop hooks


@dataclass(frozen=True, slots=True)
class ResizeContainer:
    """Give a running container the limits that its container has been given."""

    container: str
    id: str


@dataclass(frozen=True, slots=True)
class RemoveInstances:
    """Remove ended instances that nobody asks for any more."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ResetContainers:
    """Remove every instance of the pod's containers; they begin anew, init containers first."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemovePod:
    """Remove everything the engine has of the pod; volumes stay."""

    message: str  # "" = no event


@dataclass(frozen=True, slots=True)
class RemoveVolumes:
    """Give back what an ended pod has on disk and in memory; its logs stay as long as its object."""


@dataclass(frozen=True, slots=True)
class FinishDeletion:
    """Nothing runs any more: remove the volumes and files, then the object itself."""


Step = (
    PrepareFiles
    | MakeSandbox
    | FetchImage
    | StartContainer
    | RunPostStart
    | KillContainers
    | ResizeContainer
    | RemoveInstances
    | ResetContainers
    | RemovePod
    | RemoveVolumes
    | FinishDeletion
)


@dataclass(frozen=True, slots=True)
class Round:
    """The steps of one round, in order, and when to look again if nothing happens before (None: never)."""

    steps: tuple[Step, ...] = ()
    wake_in_s: float | None = None
