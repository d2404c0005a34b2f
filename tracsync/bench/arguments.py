"""Kinds of command-line arguments."""

from argparse import ArgumentTypeError


def positive(text: str) -> int:
    value = int(text)
    if value <= 0:
        raise ArgumentTypeError("must be more than 0")
    return value
