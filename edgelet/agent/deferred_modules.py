"""Foreign modules that others import at start and an agent never, or rarely, uses: stand-ins until somebody does.

Measured on amd64, Python 3.11, resident memory: importlib.metadata with what it imports (email, zipfile, csv ...)
1.8 MB, imported by pydantic to look for plugins; urllib.request with http.client 0.6 MB, imported by paho to look for
an HTTP proxy of a websocket; ssl with OpenSSL 5 MB, imported by asyncio and paho. importlib.util.LazyLoader does not
help: `import` itself touches the module, which loads it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any


class _StandIn(ModuleType):
    """Becomes the real module when an attribute is asked for that it does not have."""

    provided: Mapping[str, Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(_real(self), name)


class _SSLError(OSError):
    """Raised by nobody as long as ssl itself is not loaded; so are its kinds."""


class _SSLCertVerificationError(_SSLError, ValueError):
    pass


# What asyncio and paho name where no TLS is near: after `except`, and in isinstance.
_SSL = {
    "SSLSocket": type("SSLSocket", (), {}),
    "SSLError": _SSLError,
    "SSLCertVerificationError": _SSLCertVerificationError,
    "SSLWantReadError": type("SSLWantReadError", (_SSLError,), {}),
    "SSLWantWriteError": type("SSLWantWriteError", (_SSLError,), {}),
    "SSLSyscallError": type("SSLSyscallError", (_SSLError,), {}),
}


def install(*, tls: bool) -> None:
    """Put the stand-ins in place of modules that are not loaded yet. Call it before importing the agent.

    Args:
        tls: Whether the link is encrypted: then ssl is what it is.
    """
    # Code of foreign packages that happen to be installed has no business in the agent, and looking for it loads much.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _put("importlib.metadata", functions=("entry_points",))
    _put("urllib.request")
    if not tls and "ssl" not in sys.modules:
        _put("ssl", provided=_SSL)
        # hashlib and hmac go without OpenSSL where there is none; sha256 is Python's own then.
        sys.modules.setdefault("_hashlib", None)  # type: ignore[arg-type]  # the documented way to say: not there


def _put(name: str, *, functions: tuple[str, ...] = (), provided: Mapping[str, Any] | None = None) -> None:
    """Stand in for a module.

    Args:
        name: The module.
        functions: What is taken by `from ... import` and has to be there at once.
        provided: What is given until the real module is loaded, which takes it back.
    """
    spec = importlib.util.find_spec(name) if name not in sys.modules else None
    if spec is None:
        return
    stand_in = _StandIn(name)
    stand_in.__spec__, stand_in.__file__ = spec, spec.origin  # what `import` itself asks for
    if spec.submodule_search_locations is not None:
        stand_in.__path__ = spec.submodule_search_locations
    stand_in.provided = {**(provided or {}), **{one: _calling(stand_in, one) for one in functions}}
    vars(stand_in).update(stand_in.provided)
    sys.modules[name] = stand_in
    _bind(name, stand_in)


def _calling(stand_in: _StandIn, function: str) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        return getattr(_real(stand_in), function)(*arguments, **options)

    return call


def _real(stand_in: _StandIn) -> ModuleType:
    """Load the module; whoever holds the stand-in keeps it and finds everything through it."""
    name = stand_in.__name__
    if sys.modules.get(name) is stand_in:
        del sys.modules[name]
        try:
            _bind(name, importlib.import_module(name))
        except BaseException:
            sys.modules[name] = stand_in
            raise
        for one in stand_in.provided:
            vars(stand_in).pop(one, None)
    return sys.modules[name]


def _bind(name: str, module: ModuleType) -> None:
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(importlib.import_module(parent), child, module)
