"""What is moderate enough to be compiled. What is not is left to the reference, which counts all it reads."""

from __future__ import annotations

from typing import Final

from . import template_tree, tree
from .evaluate import is_bounded
from .paths import Reference
from .template_tree import Part, Text
from .tree import Call, Node, Operand, Test

MAX_PARTS: Final = 600  # beyond these Python's compiler takes long
MAX_KEYS: Final = 20
MAX_DEPTH: Final = 20
MAX_READS: Final = 50  # of texts and lists of any length, of which compiled functions keep no account


def is_moderate(part: Node | Operand) -> bool:
    """For a condition."""
    parts = list(tree.parts_below(part))
    return (
        len(parts) <= MAX_PARTS
        and all(len(path.keys) <= MAX_KEYS for path in parts if isinstance(path, Reference))
        and tree.depth(part) <= MAX_DEPTH
        and sum(map(_reads, parts)) <= MAX_READS
    )


def is_moderate_template(part: Part) -> bool:
    parts, paths = list(template_tree.parts_below(part)), template_tree.references(part)
    asked = [inner for below in parts if (inner := template_tree.expression(below)) is not None]
    within = [below for inner in asked for below in tree.parts_below(inner)]
    pieces = [piece for below in parts if isinstance(below, Text) for piece in below.parts]
    return (
        len(parts) + len(paths) + len(within) <= MAX_PARTS
        and all(len(path.keys) <= MAX_KEYS for path in paths)
        and _depth(part) + max(map(tree.depth, asked), default=0) <= MAX_DEPTH
        and sum(map(_reads, within)) + sum(isinstance(piece, Reference) for piece in pieces) <= MAX_READS
    )


def _depth(part: Part) -> int:
    return 1 + max(map(_depth, template_tree.children(part)), default=0)


def _reads(part: Node | Operand) -> bool:
    if isinstance(part, Call):
        return part.quick is not None
    return isinstance(part, Test) and not is_bounded(part)
