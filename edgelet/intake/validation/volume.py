"""Rules for volumes."""

from __future__ import annotations

from collections.abc import Iterator

from edgelet.api import huge_pages, names
from edgelet.api.errors import FieldError
from edgelet.api.value import camel_case
from edgelet.api.volume import DownwardAPIFile, KeyToPath, ProjectedVolume, Volume, VolumeProjection
from edgelet.intake import faults
from edgelet.intake.validation import environment, relative_path

_MAX_MODE = 0o777
_MIN_TOKEN_LIFE_S = 600
_MAX_TOKEN_LIFE_S = 2**32
_MEDIUMS = ("", "Memory", "HugePages")
_PROJECTIONS = tuple(VolumeProjection.model_fields)


def sources(volume: Volume) -> list[str]:
    """Return the attributes of the sources that are set."""
    return [name for name in Volume.model_fields if name != "name" and getattr(volume, name) is not None]


def check(volume: Volume, path: str) -> Iterator[FieldError]:
    """Check one volume. A name seen twice is the pod's business."""
    if not volume.name:
        yield faults.required(f"{path}.name")
    elif fault := names.dns_label(volume.name):
        yield faults.invalid(f"{path}.name", volume.name, fault)
    given = sources(volume)
    if not given:
        yield faults.required(path, "must specify a volume type")
    for extra in given[1:]:
        yield faults.forbidden(f"{path}.{camel_case(extra)}", "may not specify more than 1 volume type")
    yield from _directories(volume, path)
    yield from _objects(volume, path)
    if volume.projected is not None:
        yield from _projected(volume.projected, f"{path}.projected")


def _directories(volume: Volume, path: str) -> Iterator[FieldError]:
    if (empty := volume.empty_dir) is not None:
        if empty.size_limit is not None and empty.size_limit.nano < 0:
            yield faults.invalid(
                f"{path}.emptyDir.sizeLimit", str(empty.size_limit), "must be greater than or equal to 0"
            )
        if empty.medium and empty.medium not in _MEDIUMS and not huge_pages.is_medium(empty.medium):
            yield faults.unsupported(f"{path}.emptyDir.medium", empty.medium, _MEDIUMS)
    if (host := volume.host_path) is not None:
        if not host.path:
            yield faults.required(f"{path}.hostPath.path")
        yield from relative_path.check_downward(host.path, f"{path}.hostPath.path")
    if (claim := volume.persistent_volume_claim) is not None and not claim.claim_name:
        yield faults.required(f"{path}.persistentVolumeClaim.claimName")
    if (image := volume.image) is not None and not image.reference:
        yield faults.required(f"{path}.image.reference")


def _objects(volume: Volume, path: str) -> Iterator[FieldError]:
    if (config_map := volume.config_map) is not None:
        if not config_map.name:
            yield faults.required(f"{path}.configMap.name")
        yield from _mode(config_map.default_mode, f"{path}.configMap.defaultMode")
        yield from _items(config_map.items, f"{path}.configMap.items")
    if (secret := volume.secret) is not None:
        if not secret.secret_name:
            yield faults.required(f"{path}.secret.secretName")
        yield from _mode(secret.default_mode, f"{path}.secret.defaultMode")
        yield from _items(secret.items, f"{path}.secret.items")
    if (downward := volume.downward_api) is not None:
        yield from _mode(downward.default_mode, f"{path}.downwardAPI.defaultMode")
        yield from _files(downward.items, f"{path}.downwardAPI.items")


def _projected(projected: ProjectedVolume, path: str) -> Iterator[FieldError]:
    yield from _mode(projected.default_mode, f"{path}.defaultMode")
    taken: set[str] = set()
    for index, source in enumerate(projected.sources):
        here = f"{path}.sources[{index}]"
        given = [name for name in _PROJECTIONS if getattr(source, name) is not None]
        if not given:
            yield faults.required(here, "must specify at least one source type")
        for extra in given[1:]:
            yield faults.forbidden(f"{here}.{camel_case(extra)}", "may not specify more than 1 volume type per source")
        yield from _projection(source, here)
        for where, made in _paths(source, here):
            if made and made in taken:
                yield faults.invalid(where, made, "conflicting duplicate paths")
            taken.add(made)


def _projection(source: VolumeProjection, path: str) -> Iterator[FieldError]:
    for name, projection in (("configMap", source.config_map), ("secret", source.secret)):
        if projection is not None:
            if not projection.name:
                yield faults.required(f"{path}.{name}.name")
            yield from _items(projection.items, f"{path}.{name}.items")
    if source.downward_api is not None:
        yield from _files(source.downward_api.items, f"{path}.downwardAPI.items")
    if (token := source.service_account_token) is not None:
        where = f"{path}.serviceAccountToken"
        yield from relative_path.check(token.path, f"{where}.path")
        life_s = token.expiration_seconds
        if life_s is not None and not _MIN_TOKEN_LIFE_S <= life_s <= _MAX_TOKEN_LIFE_S:
            yield faults.out_of_range(f"{where}.expirationSeconds", life_s, _MIN_TOKEN_LIFE_S, _MAX_TOKEN_LIFE_S)


def _paths(source: VolumeProjection, path: str) -> Iterator[tuple[str, str]]:
    """Give the files that a source makes, as far as the spec says."""
    made: list[tuple[str, tuple[KeyToPath | DownwardAPIFile, ...]]] = []
    if source.config_map is not None:
        made.append(("configMap", source.config_map.items))
    if source.secret is not None:
        made.append(("secret", source.secret.items))
    if source.downward_api is not None:
        made.append(("downwardAPI", source.downward_api.items))
    for name, items in made:
        for index, item in enumerate(items):
            yield f"{path}.{name}.items[{index}].path", item.path
    if source.service_account_token is not None:
        yield f"{path}.serviceAccountToken.path", source.service_account_token.path


def _items(items: tuple[KeyToPath, ...], path: str) -> Iterator[FieldError]:
    for index, item in enumerate(items):
        if not item.key:
            yield faults.required(f"{path}[{index}].key")
        yield from relative_path.check(item.path, f"{path}[{index}].path")
        yield from _mode(item.mode, f"{path}[{index}].mode")


def _files(items: tuple[DownwardAPIFile, ...], path: str) -> Iterator[FieldError]:
    for index, item in enumerate(items):
        here = f"{path}[{index}]"
        yield from relative_path.check(item.path, f"{here}.path")
        yield from _mode(item.mode, f"{here}.mode")
        if item.field_ref is not None:
            yield from environment.check_field(
                item.field_ref.field_path, f"{here}.fieldRef.fieldPath", environment.VOLUME_FIELDS
            )
            if item.resource_field_ref is not None:
                yield faults.wrong_type(here, "fieldRef and resourceFieldRef can not be specified simultaneously")
        elif item.resource_field_ref is not None:
            yield from environment.check_resource(
                item.resource_field_ref, f"{here}.resourceFieldRef", needs_container=True
            )
        else:
            yield faults.required(here, "one of fieldRef and resourceFieldRef is required")


def _mode(mode: int | None, path: str) -> Iterator[FieldError]:
    if mode is not None and not 0 <= mode <= _MAX_MODE:
        yield faults.invalid(path, mode, "must be a number between 0 and 0777 (octal), both inclusive")
