"""Whether the newest instance of a container is of the specification that is wanted."""

from __future__ import annotations

import pytest

from edgelet.api.pod import Pod
from edgelet.pods import instances, phase
from edgelet.pods.memory import ContainerMemory, LastInstance, Memory
from edgelet.pods.spec_hash import spec_hash
from edgelet.ports.runtime import Exited
from tests.fakes.world import pod_document

POD = Pod.model_validate({**pod_document(restartPolicy="OnFailure"), "status": {}})
CONTAINER = POD.spec.containers[0]


def ended(hash_of_spec: str, image: str = "app:1") -> Memory:
    """An instance that ended in order, and that the engine has lost since: a reboot."""
    last = LastInstance(
        number=0,
        id="a",
        image=image,
        image_id="sha256:1",
        spec_hash=hash_of_spec,
        ended=Exited(exit_code=0, started_at=None, finished_at=None),
        started_at=None,
    )
    return Memory(containers={CONTAINER.name: ContainerMemory(last=last)}, initialized=True)


@pytest.mark.parametrize(
    ("hash_of_spec", "image", "outdated", "wanted"),
    [
        ("of another one", "app:1", True, "Running"),
        (spec_hash(CONTAINER), "localhost/app:1", False, "Succeeded"),
        ("", "app:1", False, "Succeeded"),  # from a stored status
        ("", "app:0", True, "Running"),
    ],
)
def test_an_instance_of_an_older_specification_ends_no_pod_even_if_it_is_lost(
    hash_of_spec: str, image: str, outdated: bool, wanted: str
) -> None:
    memory = ended(hash_of_spec, image)
    newest = instances.newest(None, memory, CONTAINER.name)
    assert instances.outdated(newest, CONTAINER) == outdated
    assert phase.decide(POD, None, memory) == wanted
