"""Rules for names, with Kubernetes' own words for what is wrong. Each returns None for a good name."""

from __future__ import annotations

import re

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_QUALIFIED = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", re.ASCII)
_CONFIG_KEY = re.compile(r"[-._a-zA-Z0-9]+", re.ASCII)
_PORT = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.ASCII)

_LABEL_TEXT = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SUBDOMAIN_TEXT = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_QUALIFIED_TEXT = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
    "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)

MAX_LABEL_CHARACTERS = 63
MAX_SUBDOMAIN_CHARACTERS = 253
_MAX_PORT_CHARACTERS = 15


def dns_label(name: str) -> str | None:
    """Check a DNS-1123 label: containers, volumes, namespaces, hostnames."""
    if len(name) > MAX_LABEL_CHARACTERS:
        return f"must be no more than {MAX_LABEL_CHARACTERS} characters"
    return None if _LABEL.fullmatch(name) else _LABEL_TEXT


def dns_subdomain(name: str) -> str | None:
    """Check a DNS-1123 subdomain: pods and most other objects."""
    if len(name) > MAX_SUBDOMAIN_CHARACTERS:
        return f"must be no more than {MAX_SUBDOMAIN_CHARACTERS} characters"
    return None if _SUBDOMAIN.fullmatch(name) else _SUBDOMAIN_TEXT


def qualified_name(name: str) -> str | None:
    """Check a label's or annotation's key: [prefix/]name."""
    prefix, slash, rest = name.rpartition("/")
    if slash:
        fault = dns_subdomain(prefix) if prefix else "prefix part must be non-empty"
        if fault:
            return fault if not prefix else f"prefix part {fault}"
    if not rest:
        return "name part must be non-empty"
    if len(rest) > MAX_LABEL_CHARACTERS:
        return f"name part must be no more than {MAX_LABEL_CHARACTERS} characters"
    return None if _QUALIFIED.fullmatch(rest) else f"name part {_QUALIFIED_TEXT}"


def label_value(value: str) -> str | None:
    """Check a label's value; empty is good."""
    if len(value) > MAX_LABEL_CHARACTERS:
        return f"must be no more than {MAX_LABEL_CHARACTERS} characters"
    return (
        None
        if not value or _QUALIFIED.fullmatch(value)
        else f"a valid label must be an empty string or {_QUALIFIED_TEXT[5:]}"
    )


def config_map_key(key: str) -> str | None:
    """Check a key of a ConfigMap or Secret: it becomes a file name."""
    if len(key) > MAX_SUBDOMAIN_CHARACTERS:
        return f"must be no more than {MAX_SUBDOMAIN_CHARACTERS} characters"
    if not _CONFIG_KEY.fullmatch(key):
        return (
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or "
            "'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
        )
    if key in {".", ".."}:
        return f"must not be '{key}'"
    return "must not start with '..'" if key.startswith("..") else None


def env_var_name(name: str) -> str | None:
    """Check a variable's name: any printable ASCII but '='."""
    if all(" " <= character <= "~" and character != "=" for character in name):
        return None
    return "a valid environment variable name must consist only of printable ASCII characters other than '='"


def port_name(name: str) -> str | None:
    """Check a port's name: at most 15 of a-z, 0-9 and single hyphens, at least one letter."""
    if len(name) > _MAX_PORT_CHARACTERS:
        return f"must be no more than {_MAX_PORT_CHARACTERS} characters"
    if not _PORT.fullmatch(name):
        return (
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), and not begin or end with a hyphen"
        )
    if "--" in name:
        return "must not contain consecutive hyphens"
    return None if any("a" <= character <= "z" for character in name) else "must contain at least one letter (a-z)"
