"""Which addresses may be connected to: public ones, and those that the user allowed by name."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from toolwise.errors import UserError

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""Host and port to IP addresses, best first. Raises OSError."""

_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")
_SHARED = ipaddress.IPv4Network("100.64.0.0/10")
_MAX_URL = 16_384

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class RefusedAddressError(UserError):
    """The address may not be connected to. Raised before any connection is opened."""


class UnresolvedHostError(UserError):
    """The host's name has no address."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address that was checked: connect to `address`, and to nothing that the name may mean a moment later."""

    scheme: str
    host: str
    """As in the URL, in lower case and ASCII; an IPv6 address without brackets."""
    port: int
    address: str
    """A literal IP address."""

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port (RFC 6454): what credentials belong to."""
        return self.scheme, self.host, self.port


def why_not_public(address: IPAddress) -> str | None:
    """Why an address is not of the public internet; none for one that is.

    An IPv6 address that carries an IPv4 one (mapped, compatible, 6to4, Teredo, NAT64) is judged by that one too.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inner = _embedded(address)
        if inner is not None and (reason := why_not_public(inner)) is not None:
            return reason
        if inner is not None and address in _NAT64:
            return None
    kinds = {
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "unspecified": address.is_unspecified,
        "multicast": address.is_multicast,
        "shared": isinstance(address, ipaddress.IPv4Address) and address in _SHARED,
        "private": address.is_private or (isinstance(address, ipaddress.IPv6Address) and address.is_site_local),
        "reserved": address.is_reserved or not address.is_global,
    }
    return next((kind for kind, holds in kinds.items() if holds), None)


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


async def resolve_host(host: str, port: int) -> list[str]:
    """The system's answer to a host name. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def ascii_host(host: str) -> str:
    """A host name in lower case and ASCII, without a trailing dot. Raises RefusedAddressError."""
    name = host.strip("[]").rstrip(".").lower()
    if not name.isascii():
        try:
            name = name.encode("idna").decode()
        except UnicodeError as error:
            raise RefusedAddressError(f"{host[:100]!r} is no host name") from error
    if not name or any(c in name for c in " /\\@?#%\t\r\n\0"):
        raise RefusedAddressError(f"{host[:100]!r} is no host name")
    return name


def split_url(url: str) -> tuple[str, str, int]:
    """Scheme, host and port of an address that may be asked at all. Raises RefusedAddressError."""
    if len(url) > _MAX_URL:
        raise RefusedAddressError(f"the address is longer than {_MAX_URL:,} characters")
    if any(ord(c) <= 0x20 or c == "\\" for c in url):
        raise RefusedAddressError("the address contains white space, control characters or backslashes")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise RefusedAddressError(f"the address is malformed ({error})") from error
    if parts.scheme not in _PORTS:
        raise RefusedAddressError(f"only http and https addresses are asked, not {parts.scheme[:20] or 'none'!r}")
    if "@" in parts.netloc:
        raise RefusedAddressError("the address contains credentials; give them by environment variables")
    if not parts.hostname:
        raise RefusedAddressError("the address names no host")
    return parts.scheme, ascii_host(parts.hostname), port or _PORTS[parts.scheme]


class AddressPolicy:
    """Decides which address a URL may be asked at. Immutable; may be shared by threads and event loops."""

    def __init__(self, allow: Iterable[str] = (), resolver: Resolver = resolve_host) -> None:
        """`allow` names hosts (`localhost`, `127.0.0.1:8080`, `[::1]:80`, or a URL) that may be anywhere.

        A host without a port is allowed at every port. Raises RefusedAddressError for an entry that is no host.
        """
        self._allowed = frozenset(_entry(entry) for entry in allow)
        self._resolve = resolver

    def allows(self, host: str, port: int) -> bool:
        """Did the user allow this very host?"""
        return (host, None) in self._allowed or (host, port) in self._allowed

    async def check(self, url: str) -> list[Target]:
        """The targets of a URL, best first. Raises RefusedAddressError, UnresolvedHostError.

        A name that means several addresses is refused if one of them is not public: such an answer is either a
        mistake or an attack.
        """
        scheme, host, port = split_url(url)
        addresses = await self._addresses(host, port)
        if not self.allows(host, port):
            for address in addresses:
                reason = why_not_public(address)
                if reason is not None:
                    shown = host if host == str(address) else f"{host} ({address})"
                    raise RefusedAddressError(
                        f"{shown} is a {reason} address and was not called; to allow it, name the host {host!r}"
                    )
        return [Target(scheme, host, port, str(address)) for address in addresses]

    async def _addresses(self, host: str, port: int) -> list[IPAddress]:
        try:
            return [ipaddress.ip_address(host)]
        except ValueError:
            pass
        try:
            found = await self._resolve(host, port)
            addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
        except (OSError, UnicodeError, ValueError) as error:
            raise UnresolvedHostError(f"the host {host!r} cannot be resolved") from error
        if not addresses:
            raise UnresolvedHostError(f"the host {host!r} has no address")
        return addresses


def _entry(entry: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(entry if "://" in entry else f"//{_bracketed(entry)}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise RefusedAddressError(f"{entry!r} names no host to allow; write HOST or HOST:PORT") from error
    if not host or "*" in host:
        raise RefusedAddressError(f"{entry!r} names no host to allow; write HOST or HOST:PORT")
    return ascii_host(host), port if port is not None else _PORTS.get(parts.scheme)


def _bracketed(entry: str) -> str:
    """A bare IPv6 address needs brackets before a URL's rules can read it."""
    try:
        ipaddress.IPv6Address(entry)
    except ValueError:
        return entry
    return f"[{entry}]"
