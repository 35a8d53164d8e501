"""Reading settings: a TOML file, then EDGELET_<TABLE>_<KEY> from the environment over it."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from edgelet.api.errors import EdgeletError, FieldError
from edgelet.config.settings import Settings

_PREFIX = "EDGELET_"
_NOT_SETTINGS = frozenset({"EDGELET_SOCKET", "EDGELET_CONFIG", "EDGELET_CA_DIR"})  # the command's own


class SettingsError(EdgeletError):
    """Settings that cannot be used: every fault, with the name of the setting or variable."""

    def __init__(self, source: str, faults: tuple[FieldError, ...]) -> None:
        self.faults = faults
        super().__init__("InvalidSettings", f"{source}: " + "; ".join(map(str, faults)))


def load(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read and judge the settings; `path` None means defaults and environment only.

    Raises:
        SettingsError: The file cannot be read, is no TOML, or holds an unknown or wrong setting.
    """
    source = str(path) if path else "environment"
    tables = _read(path) if path else {}
    faults = _overlay(tables, environ)
    try:
        settings = Settings.model_validate(tables)
    except ValidationError as error:
        faults += [_fault(item) for item in error.errors(include_url=False, include_input=False)]
        raise SettingsError(source, tuple(faults)) from None
    faults += _across(settings)
    if faults:
        raise SettingsError(source, tuple(faults))
    return settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(path), (FieldError("", f"cannot read it: {error.strerror}"),)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(path), (FieldError("", f"no TOML: {error}"),)) from error


def _overlay(tables: dict[str, Any], environ: Mapping[str, str]) -> list[FieldError]:
    faults = []
    for variable, text in sorted(environ.items()):
        if not variable.startswith(_PREFIX) or variable in _NOT_SETTINGS:
            continue
        table, _, key = variable.removeprefix(_PREFIX).lower().partition("_")
        section = Settings.model_fields.get(table)
        fields = getattr(section.annotation, "model_fields", {}) if section else {}
        if key not in fields:
            faults.append(FieldError(variable, "there is no such setting"))
            continue
        tables[table] = {**_as_table(tables.get(table)), key: _value(text)}
    return faults


def _as_table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _value(text: str) -> object:
    """Read a variable: a JSON object is a table (labels); everything else stays text and is judged by the setting."""
    if text.startswith("{"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _fault(item: Any) -> FieldError:
    path = ".".join(map(str, item["loc"]))
    return FieldError(path, str(item["msg"]).removeprefix("Value error, "))


def _across(settings: Settings) -> list[FieldError]:
    """Judge settings that only make sense together."""
    faults = [*_of_identity(settings), *_of_api(settings)]
    mqtt = settings.mqtt
    if bool(mqtt.client_cert) != bool(mqtt.client_key):
        faults.append(FieldError("mqtt.client_cert", "client_cert and client_key go together"))
    if mqtt.client_cert and not mqtt.url.startswith("mqtts://"):
        faults.append(FieldError("mqtt.url", "a client certificate needs mqtts://"))
    if mqtt.password_file and not mqtt.username:
        faults.append(FieldError("mqtt.username", "password_file needs a username"))
    if settings.trust.require_signature and settings.trust.signing_keys is None:
        faults.append(FieldError("trust.signing_keys", "require_signature needs a directory of public keys"))
    if bool(settings.podman.storage_root) != bool(settings.podman.run_root):
        faults.append(FieldError("podman.run_root", "storage_root and run_root go together"))
    if settings.network.pod_dns != "off" and settings.podman.socket is not None:
        faults.append(FieldError("network.pod_dns", "an engine that edgelet does not start has a network of its own"))
    if settings.workload.backoff_max_s < settings.workload.backoff_initial_s:
        faults.append(FieldError("workload.backoff_max_s", "less than backoff_initial_s"))
    if settings.disk.image_gc_low_percent > settings.disk.image_gc_high_percent:
        faults.append(FieldError("disk.image_gc_low_percent", "more than image_gc_high_percent"))
    faults += [
        FieldError("eviction.soft_grace_period_s", f"{signal} has a soft threshold and no period")
        for signal in sorted(settings.eviction.soft.keys() - settings.eviction.soft_grace_period_s.keys())
    ]
    return faults


def _of_api(settings: Settings) -> list[FieldError]:
    api = settings.api
    if not api.tcp_listen:
        return []
    needed = {"tcp_cert": api.tcp_cert, "tcp_key": api.tcp_key, "tcp_client_ca": api.tcp_client_ca}
    faults = [FieldError(f"api.{name}", "tcp_listen needs it") for name, value in needed.items() if value is None]
    if not api.tcp_clients:
        faults.append(FieldError("api.tcp_clients", "tcp_listen needs the names of those who may come in"))
    return faults


def _of_identity(settings: Settings) -> list[FieldError]:
    identity, mqtt = settings.identity, settings.mqtt
    faults = []
    if identity.renew_from > identity.renew_to:
        faults.append(FieldError("identity.renew_from", "more than renew_to"))
    if identity.retry_min_s > identity.retry_max_s:
        faults.append(FieldError("identity.retry_min_s", "more than retry_max_s"))
    if identity.password_file and not identity.user:
        faults.append(FieldError("identity.user", "password_file needs a user"))
    if identity.renew and mqtt.client_cert and mqtt.client_cert == mqtt.client_key:
        faults.append(FieldError("identity.renew", "certificate and key in one file cannot be renewed: use two"))
    return faults
