"""Addresses that a user names: is one remote, and how it may be shown without its secrets."""

import re
from urllib.parse import urlsplit

PACKAGE = "package://"
REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
ADDRESS = re.compile(
    r"(?P<protocol>[A-Za-z][A-Za-z0-9+.-]*://)(?P<login>[^/?#]*@)?(?P<location>[^?#]*)(?P<query>.*)", re.S
)
SECRET = re.compile(r"sig|token|key|secret|pass|credential|auth", re.IGNORECASE)


def is_remote(uri: str) -> bool:
    """Whether `uri` is an address to fetch from, not a path on this machine."""
    return REMOTE.match(uri) is not None and not uri.startswith((PACKAGE, "file://"))


def shown(uri: str) -> str:
    """Return an address as it may be printed and published: without login, query or fragment; a path as it is."""
    parts = ADDRESS.match(uri)
    return f"{parts['protocol']}{parts['location']}" if parts else uri


def masked(uri: str) -> str:
    """Return an address with its query, which tells addresses apart, but without its password."""
    password = urlsplit(uri).password
    return uri.replace(f":{password}@", ":***@", 1) if password else uri


def has_secret(uri: str) -> bool:
    """Whether an address carries a login, or a query that looks like a signature or a token."""
    parts = ADDRESS.match(uri)
    return parts is not None and bool(parts["login"] or SECRET.search(parts["query"]))
