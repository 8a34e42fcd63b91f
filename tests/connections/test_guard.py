"""Which addresses are refused, and that this is decided before any connection."""

import asyncio
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwise.connections.guard import (
    AddressPolicy,
    RefusedAddressError,
    UnresolvedHostError,
    split_url,
    why_not_public,
)


def names(**hosts: list[str]) -> AddressPolicy:
    """A policy over made-up names, so that no name is ever looked up."""

    async def resolve(host: str, port: int) -> list[str]:
        del port
        if host not in hosts:
            raise OSError("unknown")
        return hosts[host]

    return AddressPolicy(resolver=resolve)


def check(policy: AddressPolicy, url: str) -> list[str]:
    return [target.address for target in asyncio.run(policy.check(url))]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
        str(ipaddress.IPv4Address(0)),
        "::", "::1", "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "ff02::1", "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "2002:7f00:1::",
        "2002:a9fe:a9fe::", "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
        "2001:0:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert why_not_public(ipaddress.ip_address(address)) is not None
    shown = f"[{address}]" if ":" in address else address
    with pytest.raises(RefusedAddressError, match="was not called"):
        check(names(), f"http://{shown}/")
    with pytest.raises(RefusedAddressError):
        check(names(innocent=[address]), "http://innocent/")
    with pytest.raises(RefusedAddressError):  # one bad address among good ones
        check(names(innocent=["93.184.215.14", address]), "http://innocent/")


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:2800:21f:cb07::1", "64:ff9b::8.8.8.8"])
def test_public_addresses_pass(address: str) -> None:
    assert why_not_public(ipaddress.ip_address(address)) is None
    assert check(names(api=[address]), "https://api/x") == [str(ipaddress.ip_address(address))]


@given(st.integers(0, 2**32 - 1))
def test_every_way_to_write_an_ipv4_address_inside_ipv6_is_judged_by_it(number: int) -> None:
    inner = ipaddress.IPv4Address(number)
    if why_not_public(inner) is None:
        return
    for prefix in (0xFFFF << 32, 0, 0x64FF9B << 96):
        assert why_not_public(ipaddress.IPv6Address(prefix | number)) is not None
    assert why_not_public(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))) is not None


@pytest.mark.parametrize(
    "url",
    ["http://2130706433/", "http://0x7f.1/", "http://127.1/", "http://017700000001/", "http://localhost./"],
)
def test_other_spellings_of_loopback_are_refused(url: str) -> None:
    """The system's resolver reads them; nothing here leaves the machine."""
    with pytest.raises((RefusedAddressError, UnresolvedHostError)):
        check(AddressPolicy(), url)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://h/", "gopher://h/", "javascript:alert(1)", "data:,x", "//h/", "", "http:///x",
        "http://user@h/", "http://user:secret@h/", "http://h:99999/", "http://h\r\nX: y/", "http://h /", "http://a\\b/",
        "http://[::1/", "http://h%00/", "http://" + "a" * 20_000,
    ],
)  # fmt: skip
def test_addresses_that_are_none_are_refused(url: str) -> None:
    with pytest.raises(RefusedAddressError) as caught:
        split_url(url)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_split_or_refused(text: str) -> None:
    for url in (text, f"http://{text}", f"http://h/{text}"):
        try:
            scheme, host, port = split_url(url)
        except RefusedAddressError:
            continue
        assert scheme in {"http", "https"}
        assert host
        assert 0 < port < 65536


@pytest.mark.parametrize(
    ("entry", "allowed", "refused"),
    [
        ("127.0.0.1", ["http://127.0.0.1/", "http://127.0.0.1:8080/"], ["http://127.0.0.2/", "http://inner/"]),
        ("127.0.0.1:8080", ["http://127.0.0.1:8080/"], ["http://127.0.0.1/", "http://127.0.0.1:8081/"]),
        ("[::1]:80", ["http://[::1]/"], ["http://[::1]:81/"]),
        ("::1", ["http://[::1]:81/"], ["http://127.0.0.1/"]),
        ("inner", ["http://inner/", "http://INNER.:9/"], ["http://127.0.0.1/", "http://sub.inner/"]),
        ("http://inner:9/x", ["http://inner:9/"], ["http://inner/"]),
        ("https://inner", ["https://inner/"], ["http://inner/"]),
    ],
)
def test_only_the_very_host_that_was_allowed_is_allowed(entry: str, allowed: list[str], refused: list[str]) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        del host, port
        return ["127.0.0.1"]

    policy = AddressPolicy([entry], resolve)
    for url in allowed:
        assert check(policy, url)
    for url in refused:
        with pytest.raises(RefusedAddressError):
            check(policy, url)


@pytest.mark.parametrize("entry", ["", "*", "*.example.test", "http://", "host:port", "a b"])
def test_an_entry_that_is_no_host_is_a_users_mistake(entry: str) -> None:
    with pytest.raises(RefusedAddressError):
        AddressPolicy([entry])


def test_unknown_names_are_told_apart() -> None:
    with pytest.raises(UnresolvedHostError):
        check(names(), "http://nowhere.test/")
    with pytest.raises(UnresolvedHostError):
        check(names(empty=[]), "http://empty/")
