"""[admission]: what this board lets in."""

from __future__ import annotations

from edgelet.config.paths import AbsolutePath
from edgelet.config.policy import DEFAULT_PROFILE, Profile
from edgelet.config.section import Section


class AdmissionSettings(Section):
    """The profile has the meaning of the Kubernetes Pod Security Standards; a profile of policy.toml goes before it."""

    profile: Profile = DEFAULT_PROFILE
    policy: AbsolutePath | None = None  # none = /etc/edgelet/policy.toml, if it is there
