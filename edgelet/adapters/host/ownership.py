"""Who of the host owns the files of a pod: the pod's own users are numbers of the host's, from its root on."""

from __future__ import annotations

import errno

from edgelet.ports.pod_files import USER_IDS


def of(root: int, gid: int | None) -> tuple[int, int]:
    """Return the host's numbers of the pod's root and of the group `gid` of the pod (None: root's own).

    Args:
        root: Who of the host is root in the pod; 0 where it has the host's users.
        gid: As the pod's spec says it.

    Raises:
        OSError: The pod has no such group.
    """
    if root and gid is not None and not 0 <= gid < USER_IDS:
        raise OSError(errno.EINVAL, f"group {gid} is not one of the {USER_IDS} of the pod's user namespace")
    return root, root + (gid or 0)
