from __future__ import annotations

import socket

import pytest

from destinations.connectors.addresses import SETTING, Guard, parse
from destinations.connectors.base import ConfigurationError

INTERNAL = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.127.255.254",
    "192.0.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12::1",
    "fec0::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a00:1",
    "2002:7f00:1::",
    "100::1",
]
PUBLIC = ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "100.128.0.1"]


@pytest.mark.parametrize("text", INTERNAL)
def test_internal_addresses_are_refused(text: str) -> None:
    assert not Guard().permits(parse(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_permitted(text: str) -> None:
    assert Guard().permits(parse(text))


def test_what_is_not_an_address_is_refused() -> None:
    assert not Guard(("0.0.0.0/0", "::/0")).permits(parse("example"))


@pytest.mark.parametrize(
    ("allowed", "address", "permitted"),
    [
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "64:ff9b::a01:203", True),
        ("10.0.0.0/8", "11.0.0.1", True),
        ("10.0.0.0/8", "192.168.0.1", False),
        ("10.0.0.7", "10.0.0.7", True),
        ("10.0.0.7", "10.0.0.8", False),
        ("10.0.0.9/8", "10.1.2.3", True),
        ("fd00::/8", "fd00::1", True),
    ],
)
def test_allowed_networks(allowed: str, address: str, permitted: bool) -> None:
    assert Guard((allowed,)).permits(parse(address)) is permitted


@pytest.mark.parametrize("entry", ["10.0.0.0/99", "crm.example:8080", "*.example", "http://crm.example"])
def test_an_entry_that_is_no_network_is_an_error_that_names_the_setting(entry: str) -> None:
    with pytest.raises(ConfigurationError, match=SETTING):
        Guard((entry,))


def test_only_a_few_addresses_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answers(*["8.8.8.8"] * 50))
    assert len(Guard().resolve("many.example", 80)) == 4


def test_blank_entries_mean_nothing() -> None:
    assert not Guard(("", "  ")).permits(parse("127.0.0.1"))


def answers(*hosts: str):
    def getaddrinfo(host, port, *args, **kwargs):
        return [
            (socket.AF_INET6 if ":" in text else socket.AF_INET, socket.SOCK_STREAM, 6, "", (text, port))
            for text in hosts
        ]

    return getaddrinfo


def test_of_several_addresses_only_the_permitted_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answers("10.0.0.1", "8.8.8.8", "::1"))
    assert [address.host for address in Guard().resolve("mixed.example", 443)] == ["8.8.8.8"]


def test_a_name_that_leads_inside_is_refused_and_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answers("169.254.169.254"))
    with pytest.raises(ConfigurationError, match=rf"evil.example leads to 169.254.169.254.*{SETTING}"):
        Guard(("other.example",)).resolve("evil.example", 80)


def test_an_allowed_name_is_exact_and_holds_for_any_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", answers("10.0.0.1"))
    guard = Guard(("CRM.corp.example",))
    assert guard.resolve("crm.corp.example.", 8443)[0].port == 8443
    with pytest.raises(ConfigurationError):
        guard.resolve("a.crm.corp.example", 8443)


def test_a_malformed_name_is_unresolvable() -> None:
    with pytest.raises(socket.gaierror):
        Guard().resolve("a" * 70 + ".example", 80)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "[::1]",
        "::ffff:127.0.0.1",
        "localhost",
        "LOCALHOST.",
        "db.localhost",
        "printer.local",
        "metadata.google.internal",
        "169.254.169.254",
    ],
)
def test_targets_behind_a_proxy_are_judged_by_their_text(host: str) -> None:
    with pytest.raises(ConfigurationError, match=SETTING):
        Guard().check_target(host)


@pytest.mark.parametrize("host", ["example.com", "8.8.8.8", "localhost.example.com"])
def test_public_targets_behind_a_proxy_pass(host: str) -> None:
    Guard().check_target(host)


def test_allowed_targets_behind_a_proxy_pass() -> None:
    Guard(("printer.local", "127.0.0.0/8")).check_target("printer.local")
    Guard(("printer.local", "127.0.0.0/8")).check_target("127.1")
