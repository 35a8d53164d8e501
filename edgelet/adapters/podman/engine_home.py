"""A home directory for the engine: the only place from which it takes a signature policy that is not the host's.

containers.conf has no key for it, `--signature-policy` is a flag of single commands that the API service does not
have; $HOME/.config/containers/policy.json goes before /etc/containers/policy.json.
Source: containers-policy.json(5), containers-registries.d(5).
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edgelet.api.errors import EngineError

_ROOT_HOME = Path("/root")
_HOST_REGISTRIES_D = Path("/etc/containers/registries.d")
_OURS = "edgelet-sigstore.yaml"


def make(home: Path, signatures: Path, *, host_home: Path = _ROOT_HOME, host_d: Path = _HOST_REGISTRIES_D) -> None:
    """Make the directory anew: policy.json is `signatures`, everything else is what root's own home has.

    Signatures of sigstore lie beside the images; the engine looks for them only where registries.d says so, and here
    it does for each scope of the policy that asks for them.

    Raises:
        OSError: It cannot be made.
        EngineError: EngineUnavailable: the policy is no JSON.
    """
    shutil.rmtree(home, ignore_errors=True)
    config = home / ".config" / "containers"
    config.mkdir(mode=0o700, parents=True)
    for entry in _entries(host_home / ".config" / "containers"):
        if entry.name not in ("policy.json", "registries.d"):
            (config / entry.name).symlink_to(entry)
    if (docker := host_home / ".docker").is_dir():
        (home / ".docker").symlink_to(docker)
    (config / "policy.json").symlink_to(signatures)
    own_d = host_home / ".config" / "containers" / "registries.d"
    registries_d = config / "registries.d"
    registries_d.mkdir()
    said = ""
    for entry in _entries(own_d if own_d.is_dir() else host_d):
        if entry.suffix == ".yaml" and entry.name != _OURS:
            (registries_d / entry.name).symlink_to(entry)
            said += entry.read_text(errors="replace") + "\n"
    try:
        policy = json.loads(signatures.read_bytes())
    except ValueError as error:
        raise EngineError("EngineUnavailable", f"cannot read the signature policy {signatures}: {error}") from error
    (registries_d / _OURS).write_text(attachments(policy, said))


def attachments(policy: Any, said: str) -> str:
    """Return a file of registries.d for all scopes of a policy with sigstore signatures; `said` are the other files."""
    scopes = sorted(scope for scope in _sigstore_scopes(policy) if not _names(said, scope))
    lines = []
    if "" in scopes and not re.search(r"^default-docker\s*:", said, re.MULTILINE):
        lines += ["default-docker:", "  use-sigstore-attachments: true"]
    if named := [scope for scope in scopes if scope and "*" not in scope]:
        lines.append("docker:")
        for scope in named:
            lines += [f"  {json.dumps(scope)}:", "    use-sigstore-attachments: true"]
    return "\n".join([*lines, ""]) if lines else "{}\n"


def _sigstore_scopes(policy: Any) -> Iterator[str]:
    """Give the scopes that need signatures of sigstore; "" stands for the default."""
    if not isinstance(policy, dict):
        return
    if _asks(policy.get("default")):
        yield ""
    transports = policy.get("transports")
    scopes = transports.get("docker") if isinstance(transports, dict) else None
    for scope, requirements in scopes.items() if isinstance(scopes, dict) else ():
        if _asks(requirements):
            yield scope


def _asks(requirements: Any) -> bool:
    each = requirements if isinstance(requirements, list) else []
    return any(isinstance(one, dict) and one.get("type") == "sigstoreSigned" for one in each)


def _names(said: str, scope: str) -> bool:
    return bool(scope) and re.search(rf"^\s+[\"']?{re.escape(scope)}[\"']?\s*:", said, re.MULTILINE) is not None


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
