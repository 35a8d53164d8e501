"""[admission]: what this board lets in."""

from __future__ import annotations

from typing import Literal

from edgelet.config.section import Section


class AdmissionSettings(Section):
    """The profile has the meaning of the Kubernetes Pod Security Standards."""

    profile: Literal["privileged", "baseline", "restricted"] = "privileged"
