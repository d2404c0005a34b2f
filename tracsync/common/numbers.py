"""Numbers as people read them: 10,000 is 10.000 in German, and 1,000 there would be one."""

from __future__ import annotations

from decimal import Decimal

from django.utils.formats import number_format


def grouped(number: float, decimals: int = 0) -> str:
    """In groups of three digits, with the signs of the current language."""
    return number_format(round(number, decimals), decimals, force_grouping=True)


def short(number: float) -> str:
    """In three digits that matter, for numbers below a thousand: 0.25 is 0,25 in German."""
    return number_format(Decimal(f"{number:.3g}"))
