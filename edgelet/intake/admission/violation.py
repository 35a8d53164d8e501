"""What a pod asks for and may not have."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One refusal: the rule by its name, the field by its path, and what is wrong with the value."""

    rule: str  # a control of the Pod Security Standards, or a key of policy.toml
    path: str  # spec.containers[0].securityContext.privileged
    detail: str  # follows the path: "=true", ' "NET_ADMIN"', ": ..."
    key: str = ""  # the key of policy.toml that decides this instead of the profile, where there is one
    ours: bool = False  # the rule is a key of policy.toml

    @property
    def words(self) -> str:
        """The refusal where the path stands elsewhere."""
        detail = self.detail.lstrip(" :=")
        return f"{self.rule}: {detail}" if detail else self.rule

    def __str__(self) -> str:
        return f"{self.rule} ({self.path}{self.detail})"
