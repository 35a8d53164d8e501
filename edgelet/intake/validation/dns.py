"""Rules for what a pod's resolv.conf and hosts file get."""

from __future__ import annotations

from collections.abc import Iterator

from edgelet.api import names
from edgelet.api.errors import FieldError
from edgelet.api.pod import HostAlias, PodDNSConfig, PodSpec
from edgelet.intake import faults
from edgelet.intake.validation.container import is_address

_MAX_NAMESERVERS = 3
_MAX_SEARCHES = 32
_MAX_SEARCH_CHARACTERS = 2048


def check(spec: PodSpec) -> Iterator[FieldError]:
    """Check hostAliases, dnsConfig, and that dnsPolicy None brings a nameserver."""
    for index, alias in enumerate(spec.host_aliases):
        yield from _alias(alias, f"spec.hostAliases[{index}]")
    config = spec.dns_config
    if spec.dns_policy == "None" and (config is None or not config.nameservers):
        detail = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        yield faults.required("spec.dnsConfig.nameservers" if config else "spec.dnsConfig", detail)
    if config is not None:
        yield from _config(config, "spec.dnsConfig")


def _alias(alias: HostAlias, path: str) -> Iterator[FieldError]:
    if not is_address(alias.ip):
        yield faults.invalid(f"{path}.ip", alias.ip, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
    for index, hostname in enumerate(alias.hostnames):
        if fault := names.dns_subdomain(hostname):
            yield faults.invalid(f"{path}.hostnames[{index}]", hostname, fault)


def _config(config: PodDNSConfig, path: str) -> Iterator[FieldError]:
    if len(config.nameservers) > _MAX_NAMESERVERS:
        yield faults.too_long(f"{path}.nameservers", _MAX_NAMESERVERS, "nameservers")
    for index, server in enumerate(config.nameservers):
        if not is_address(server):
            yield faults.invalid(f"{path}.nameservers[{index}]", server, "must be a valid IP address")
    if len(config.searches) > _MAX_SEARCHES:
        yield faults.too_long(f"{path}.searches", _MAX_SEARCHES, "search paths")
    if len(" ".join(config.searches)) > _MAX_SEARCH_CHARACTERS:
        yield faults.too_long(f"{path}.searches", _MAX_SEARCH_CHARACTERS, "characters in all")
    for index, search in enumerate(config.searches):
        # Search paths may end in a dot and hold underscores, as resolvers take them.
        if search != "." and (fault := names.dns_subdomain(search.removesuffix(".").replace("_", "a"))):
            yield faults.invalid(f"{path}.searches[{index}]", search, fault)
    for index, option in enumerate(config.options):
        if not option.name:
            yield faults.required(f"{path}.options[{index}]", "must not be empty")
