"""Texts that a page must show and never obey, nor a terminal.

Each holds the element `xss-probe`, which no page has: where it is found in one, the text became markup.
`hacked()` is called by what is executed.
"""

HOSTILE = (
    '"><xss-probe onclick=hacked()></xss-probe><img src=x onerror=hacked()>',
    "'><xss-probe></xss-probe><svg/onload=hacked()>",
    "</script><script>hacked()</script><xss-probe>",
    "</textarea></title></style><xss-probe><script>hacked()</script>",
    "javascript:hacked()//<xss-probe>",
    '{{31337|add:1}}{% now "Y" %}${hacked()}<xss-probe>',
    "\u2028\u2029\u202e\u2066\x1b]0;hacked\x07\x1b[2J\x9b31m<xss-probe>",
    "-->]]><xss-probe>&lt;xss-probe&gt;<iframe srcdoc='<script>parent.hacked()</script>'>",
    '"+hacked()+"<xss-probe>',
    "'-hacked()-'<xss-probe>\\",
    "<xss-probe>" + "Donaudampfschifffahrt" * 11,
)
SHORT = ('"><xss-probe onclick=hacked()>', "'><xss-probe><svg/onload=hacked()>", "</script><xss-probe>")


def nth(number: int, longest: int | None = None) -> str:
    """One of them, another for each number, that a field of this length takes: whole, not cut."""
    fitting = [one for one in HOSTILE if longest is None or len(one) <= longest]
    fitting = fitting or [one for one in SHORT if len(one) <= (longest or 0)]
    return fitting[number % len(fitting)] if fitting else "<b>"[: longest or 0]
