from __future__ import annotations

import ipaddress
import socket

import pytest

from destinations.connectors.addresses import SETTING, Guard, parse
from destinations.connectors.base import ConfigurationError
from tests.cases import for_each

# Of every entry of IANA's special-purpose registries that is not globally reachable one address, with the
# first and last ones of those that Python versions judge differently; then what stands for such an address.
INTERNAL = [
    *("0.0.0.0", "0.1.2.3", "10.1.2.3", "100.64.0.1", "100.127.255.254", "127.0.0.1", "127.8.8.8"),
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.168.1.1"),
    *("192.0.0.0", "192.0.0.1", "192.0.0.8", "192.0.0.11", "192.0.0.170", "192.0.0.255"),
    *("192.0.2.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "198.18.0.1", "198.19.255.255"),
    *("224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:0:808:808"),
    *("64:ff9b:1::", "64:ff9b:1::808:808", "64:ff9b:1:ffff:ffff:ffff:808:808"),
    *("100::1", "100:0:0:1::1", "200::1", "400::1", "1fff::1", "4000::1", "5f00::1"),
    *("2001::1", "2001:0:4136:e378:8000:63bf:f7f7:f7f7", "2001:1::", "2001:1::4", "2001:2::1"),
    *("2001:4:111::1", "2001:10::1", "2001:1ff:ffff::1", "2001:db8::1"),
    *("2002:7f00:1::", "2002:808:808::1", "3fff::1", "3fff:fff:ffff::1"),
    *("fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:192.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
]
PUBLIC = [
    *("8.8.8.8", "93.184.216.34", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.1", "172.32.0.1"),
    *(
        "192.0.0.9",
        "192.0.0.10",
        "192.0.1.0",
        "192.31.196.1",
        "192.52.193.1",
        "192.175.48.1",
        "223.255.255.255",
    ),
    *("2606:4700::1111", "2001:200::1", "2001:4860::1", "2001:db9::1", "2003::1", "2620:4f:8000::1"),
    *("2001:1::1", "2001:1::2", "2001:1::3", "2001:3::1", "2001:4:112::1", "2001:20::1", "2001:30::1"),
    *("3ffe:ffff::1", "3fff:1000::1", "::ffff:8.8.8.8", "64:ff9b::808:808"),
]


@pytest.fixture(autouse=True)
def no_opinion_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is_global, is_private ... say depends on the version."""

    def asked(address):
        raise AssertionError("the table is our own")

    for kind in (ipaddress.IPv4Address, ipaddress.IPv6Address):
        for name in (
            "is_global",
            "is_private",
            "is_reserved",
            "is_multicast",
            "is_loopback",
            "is_link_local",
        ):
            monkeypatch.setattr(kind, name, property(asked))


@for_each("text", INTERNAL)
def test_internal_addresses_are_refused(text: str) -> None:
    assert not Guard().permits(parse(text))


@for_each("text", PUBLIC)
def test_public_addresses_are_permitted(text: str) -> None:
    assert Guard().permits(parse(text))


def test_what_is_not_an_address_is_refused() -> None:
    assert not Guard(("0.0.0.0/0", "::/0")).permits(parse("example"))


@for_each(
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
        ("64:ff9b:1::/48", "64:ff9b:1::a00:1", True),
        ("10.0.0.0/8", "64:ff9b:1::a00:1", False),
        ("10.0.0.0/8", "2002:a00:1::1", False),
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


@for_each(
    "host",
    [
        *("127.0.0.1", "127.0.0.1.", "127.1", "127.1.", "2130706433", "0x7f000001", "0X7F.1", "017700000001"),
        *("010.0.0.1", "0300.0250.0.1", "１２７.０.０.１", "127。0。0。1", "169.254.169.254", "192.0.0.1"),
        *("[::1]", "::ffff:127.0.0.1", "[fe80::1%25eth0]", "[64:ff9b:1::808:808]"),
        *(
            "localhost",
            "LOCALHOST.",
            "localhost..",
            "ＬＯＣＡＬＨＯＳＴ",
            "db.localhost",
            "printer.local",
            "Printer.LOCAL.",
        ),
        *("metadata.google.internal", "crm.corp", "nas.lan.", "fritz.home", "home.arpa", "tv.home.arpa"),
        *("kubernetes.default.svc", "vault.service.consul", "db.docker", "a.alt", "a.invalid", "a.onion"),
        *("wiki.intranet", "db.private", "a.localdomain", "crm.test", "crm", "crm.", "db_1", "bücher"),
        *("", ".", "1.2.3.4.5", "a.0x1", "%31%32%37.0.0.1", "127.0.0.1%2f.example.com", "a b.example"),
        *("x" * 300 + "ü.example", "a..b.example"),
    ],
)
def test_targets_behind_a_proxy_are_judged_by_their_text(host: str) -> None:
    with pytest.raises(ConfigurationError, match=SETTING):
        Guard().check_target(host)


@for_each(
    "host",
    [
        *("example.com", "example.com.", "8.8.8.8", "8.8.8.8.", "[2606:4700::1111]", "134744072"),
        *(
            "localhost.example.com",
            "local.example",
            "corp.example",
            "bücher.example",
            "a_b.example",
            "1a.example",
        ),
    ],
)
def test_public_targets_behind_a_proxy_pass(host: str) -> None:
    Guard().check_target(host)


@pytest.mark.parametrize(
    ("allowed", "host"),
    [
        ("crm.corp", "CRM.Corp."),
        ("Bücher.lan.", "xn--bcher-kva.LAN"),
        ("xn--bcher-kva.lan", "bücher.lan"),
        ("crm", "crm."),
        ("127.0.0.0/8", "127.1."),
    ],
)
def test_an_allowed_target_is_found_in_any_writing(allowed: str, host: str) -> None:
    Guard((allowed,)).check_target(host)
    with pytest.raises(ConfigurationError, match=SETTING):
        Guard().check_target(host)


def test_allowed_targets_behind_a_proxy_pass() -> None:
    Guard(("printer.local", "127.0.0.0/8")).check_target("printer.local")
    Guard(("printer.local", "127.0.0.0/8")).check_target("127.1")
