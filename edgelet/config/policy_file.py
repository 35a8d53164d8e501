"""Reading policy.toml: from local disk alone, and only if nobody but root could have written it."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgelet.api.errors import EdgeletError, FieldError
from edgelet.config.policy import Policy

DEFAULT = Path("/etc/edgelet/policy.toml")
_MAX_BYTES = 1024 * 1024
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


class PolicyError(EdgeletError):
    """A policy that cannot be used: every fault with its key, or the line where the TOML ends to be TOML."""

    def __init__(self, source: Path, faults: tuple[FieldError, ...]) -> None:
        self.faults = faults
        super().__init__("InvalidPolicy", f"cannot use the policy {source}: " + "; ".join(map(str, faults)))


def load(path: Path | None, *, owner: int | None = 0) -> Policy:
    """Read and judge a policy; `path` None is the usual place, where it may be missing.

    Args:
        path: The file.
        owner: The uid that has to own it, and the only one that may write it; None: not looked at.

    Raises:
        PolicyError: The file cannot be read or trusted, is no TOML, or has an unknown or wrong key.
    """
    source = path or DEFAULT
    try:
        text = _read(source, owner).decode()
    except FileNotFoundError as error:
        if path is None and not source.is_symlink():
            return Policy()
        raise PolicyError(source, (FieldError("", _missing(source)),)) from error
    except OSError as error:
        raise PolicyError(source, (FieldError("", f"cannot read it: {error.strerror}"),)) from error
    except UnicodeDecodeError as error:
        raise PolicyError(source, (FieldError("", f"no TOML: {error}"),)) from error
    return parse(text, source, owner=owner)


def parse(text: str, source: Path, *, owner: int | None = 0) -> Policy:
    """Judge the text of a policy and the file of signature rules that it names. Raises PolicyError."""
    try:
        tables = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # a number of 5000 digits is a ValueError
        raise PolicyError(source, (FieldError("", f"no TOML: {error}"),)) from error
    try:
        policy = Policy.model_validate(tables)
    except ValidationError as error:
        faults = tuple(_fault(item) for item in error.errors(include_url=False, include_input=False))
        raise PolicyError(source, faults) from None
    if policy.signatures is not None and (why := _signatures_fault(policy.signatures, owner)):
        raise PolicyError(source, (FieldError("signatures", f"{policy.signatures}: {why}"),))
    return policy


def _missing(source: Path) -> str:
    if not source.is_symlink():
        return "there is no such file"
    return f"it leads to {source.readlink()}, and there is no such file; is what it lies on mounted?"


def _read(path: Path, owner: int | None) -> bytes:
    """Read what was looked at: the checks are of the open file, not of a name that may change. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if why := _distrust(found, owner) or _distrust_directories(path, owner):
            raise PolicyError(path, (FieldError("", why),))
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise PolicyError(path, (FieldError("", f"longer than {_MAX_BYTES} bytes"),))
    return content


def _distrust(found: os.stat_result, owner: int | None) -> str:
    if not stat.S_ISREG(found.st_mode):
        return "no regular file"
    if owner is None:
        return ""
    if found.st_uid != owner:
        return f"it belongs to uid {found.st_uid}, who could change it; chown it to {_name(owner)}"
    if found.st_mode & _WRITABLE:
        return f"others may write it (mode {stat.S_IMODE(found.st_mode):04o}); chmod go-w"
    return ""


def _distrust_directories(path: Path, owner: int | None) -> str:
    """Return why others could put another file in its place, "" if they cannot.

    All directories above it count, and where it is a link, those of the file as well.
    """
    if owner is None:
        return ""
    above = dict.fromkeys((*path.absolute().parents, *Path(os.path.realpath(path)).parents))
    return next(filter(None, (_distrust_directory(folder, owner) for folder in above)), "")


def _distrust_directory(folder: Path, owner: int) -> str:
    """Return why others could change what is in it, "" if they cannot: a sticky directory keeps it."""
    found = folder.stat()
    if found.st_uid not in (0, owner):
        return f"its directory {folder} belongs to uid {found.st_uid}, who could replace it; chown it to {_name(owner)}"
    if found.st_mode & _WRITABLE and not found.st_mode & stat.S_ISVTX:
        mode = f"{stat.S_IMODE(found.st_mode):04o}"
        return f"others may replace it: its directory {folder} has mode {mode}; chmod go-w"
    return ""


def _name(uid: int) -> str:
    return "root" if uid == 0 else f"uid {uid}"


def _signatures_fault(path: Path, owner: int | None) -> str:
    """Return why the engine could not use the file, "" if it can: a broken one would refuse each image anew."""
    try:
        rules: Any = json.loads(_read(path, owner))
    except PolicyError as error:
        return str(error.faults[0])
    except OSError as error:
        return f"cannot read it: {error.strerror}"
    except (ValueError, RecursionError) as error:
        return f"no JSON: {error}"
    if not isinstance(rules, dict) or not isinstance(rules.get("default"), list):
        return 'it needs a list "default", as containers-policy.json(5) says'
    return ""


def _fault(item: Any) -> FieldError:
    path = ".".join(map(str, item["loc"]))
    return FieldError(path, str(item["msg"]).removeprefix("Value error, "))
