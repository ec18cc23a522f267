"""Syntax trees of untrusted JavaScript and TypeScript, made within a bounded amount of work."""

from __future__ import annotations

import itertools
import string

from tree_sitter import Parser, Tree

from symbolicate.formats.js_grammars import language

_READ_AT_ONCE = 1 << 16
_MAX_ANGLES = 5000
_STEPS, _STEPS_PER_KB = 2000, 40
"""Reports of progress after which a parse is given up; real sources take up to 22 per kilobyte."""
_SAMPLES = 128
_SMALL_TREE = 20_000
_MAX_NODE_DEPTHS = 1_000_000_000
_MARKED = bytes(1 if byte in string.punctuation.encode() else 0 for byte in range(256))
_LONGEST_PUNCTUATION = b"\1" * 2000


def parsed(data: bytes, grammars: tuple[str, ...]) -> tuple[Tree, str] | None:
    """The tree of the first grammar that reads all of it, else of the first, and its grammar.

    None if every grammar would cost too much.
    """
    best: tuple[Tree, str] | None = None
    for name in grammars:
        tree = _tree(data, name)
        if tree is not None and not tree.root_node.has_error:
            return tree, name
        best = best or (tree and (tree, name))
    return best


def _tree(data: bytes, grammar: str) -> Tree | None:
    """The tree of one grammar; None for text that would cost it too much.

    Unclosed type arguments cost the typed grammars memory that grows with the square of their
    number, so that sources with very many `<` are not given to them. Queries take time that grows
    with the square of runs of punctuation, and with nodes times their depth.
    """
    if grammar != "javascript" and data.count(b"<") > _MAX_ANGLES:
        return None
    if _LONGEST_PUNCTUATION in data.translate(_MARKED, b" \t\r\n"):
        return None
    budget = _STEPS + len(data) // 1000 * _STEPS_PER_KB
    steps = itertools.count()
    try:
        tree = Parser(language(grammar)).parse(
            lambda offset, _: data[offset : offset + _READ_AT_ONCE],
            progress_callback=lambda offset, has_error: next(steps) > budget,
        )
    except ValueError:
        return None
    return tree if _node_depths(tree) < _MAX_NODE_DEPTHS else None


def _node_depths(tree: Tree) -> int:
    """The depths of all nodes together, estimated from a sample; 0 for small trees."""
    nodes = tree.root_node.descendant_count
    if nodes < _SMALL_TREE:
        return 0
    cursor = tree.walk()
    depths = 0
    for sample in range(_SAMPLES):
        cursor.goto_descendant(nodes * sample // _SAMPLES)
        depths += cursor.depth
    return nodes * depths // _SAMPLES
