"""Hosts that lead inside, in every form that some program reads, and those that only look as if they did not.

`test_addresses.py` tries each of them wherever an address is taken.
"""

import socket

# Loopback in forms that resolvers and libraries read: whoever reads one of them can be led to this machine.
LOOPBACK = (
    *("127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0X7F.0.0.1", "0177.0.0.1"),
    *(
        "017700000001",
        "127.0.0.1.",
        "127.255.255.254",
        "0.0.0.0",
        "0",
        "localhost",
        "LOCALHOST",
        "localhost.",
    ),
    *("[::1]", "[0:0:0:0:0:0:0:1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]"),
)
# IDNA and Unicode: full-width digits, ideographic full stops, circled letters, which normalise to the above.
UNICODE = (
    *("１２７.０.０.１", "127。0。0。1", "127．0．0．1", "①②⑦.⓪.⓪.①", "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ", "ｌｏｃａｌｈｏｓｔ"),
)
# One address at least of each entry of IANA's registries of special addresses: test_addresses.py of
# tests/connectors has all borders; here are those that matter to whoever wants to get inside.
SPECIAL = (
    *("0.1.2.3", "10.1.2.3", "100.64.0.1", "169.254.169.254", "172.16.0.1", "192.0.0.192", "192.168.1.1"),
    *("198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.88.99.1", "192.0.2.1"),
    *("2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "0xa9.254.169.254", "012.1.2.3"),
    *("[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[100::1]", "[2001:db8::1]", "[fec0::1]"),
    *("[::ffff:169.254.169.254]", "[::ffff:a9fe:a9fe]", "[::ffff:0:10.0.0.1]", "[::10.0.0.1]"),
    *("[64:ff9b::a9fe:a9fe]", "[64:ff9b::10.0.0.1]", "[64:ff9b:1::a9fe:a9fe]"),  # NAT64
    *("[2002:a9fe:a9fe::1]", "[2002:7f00:1::]"),  # 6to4
    *("[2001:0:a9fe:a9fe::1]", "[2001:0:4136:e378:8000:63bf:80ff:fffe]"),  # Teredo
)
# Names whose answers lead inside, and those that only mean something there.
NAMES = {
    "rebound.example": ["10.0.0.1"],
    "metadata.example": ["169.254.169.254"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "several.example": ["10.0.0.1", "::1", "192.168.0.1"],
    "127.0.0.1.nip.example": ["127.0.0.1"],
    "metadata.google.internal": ["169.254.169.254"],
    "intranet": ["10.0.0.2"],
    "db.corp": ["10.0.0.3"],
    "nas.lan": ["192.168.0.9"],
    "router.home.arpa": ["192.168.0.1"],
    "printer.local": ["192.168.0.8"],
    "kubernetes.default.svc": ["10.96.0.1"],
    "xn--bcher-kva.internal": ["10.0.0.4"],
    "bücher.internal": ["10.0.0.4"],
}
# What one program reads as a host that is outside, and another one as one that is inside.
TRICKS = (
    *("public.example@127.0.0.1", "127.0.0.1@127.0.0.2", "user:word@127.0.0.1", "public.example:x@[::1]"),
    *("127.0.0.1#public.example", "127.0.0.1?public.example", "127.0.0.1/public.example"),
    *("127.0.0.1\\@public.example", "public.example\\@127.0.0.1", "127.0.0.1;public.example"),
    *("127.0.0.1,public.example", "127.0.0.1%2f.public.example", "127.0.0.1%00.public.example"),
    *("%31%32%37.0.0.1", "127.0.0.1\t", "127.0.0.1\r\nX-Injected: 1", " 127.0.0.1", "[fe80::1%25eth0]"),
    *("[::1%25lo]", "[::ffff:127.0.0.1%25lo]", "127.0.0.1..", ".127.0.0.1", "127。1"),
)
HOSTS = (*LOOPBACK, *UNICODE, *SPECIAL, *NAMES, *TRICKS)

PUBLIC = "93.184.216.34"  # of every other name
OURS = "ours.example"  # leads to this machine, and is allowed by its name where a test has a server here


def getaddrinfo(host, port, *args, **kwargs):
    """What a resolver would answer: to names those of the table, to addresses in any form themselves."""
    name = (host or "").rstrip(".").lower()
    if name == "localhost":
        found = ["127.0.0.1", "::1"]
    elif name in NAMES or name == OURS:
        found = NAMES.get(name, ["127.0.0.1"])
    else:
        try:
            return _real(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
        except socket.gaierror:
            if not name.endswith(".example"):
                raise
            found = [PUBLIC]
    return [
        (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
        for one in found
    ]


_real = socket.getaddrinfo
