"""Functions of JavaScript and TypeScript sources, from their syntax trees."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from tree_sitter import Node, Query, QueryCursor, Tree

from symbolicate.formats.function_table import ANONYMOUS, TOPLEVEL, FunctionTable
from symbolicate.formats.js_grammars import grammar_names, language
from symbolicate.formats.js_queries import FUNCTIONS, query_text
from symbolicate.formats.js_syntax import parsed
from symbolicate.formats.source_text import Placer, Position, utf16_placer

_CLASSES = frozenset({"class", "class_declaration", "abstract_class_declaration"})
_STATIC_CODE = "<static_initializer>"
_FIELD_CODE = "<instance_members_initializer>"
_QUOTES = "\"'`"
_STRING = re.compile(r"""(["'`])((?:(?!\1)[^\\$])*)\1""")
_STRING_SUM = re.compile(rf"{_STRING.pattern}(?:\s*\+\s*{_STRING.pattern.replace('1', '3')})*")
_DOTTED = re.compile(r"[\w$#]+(?:\s*\.\s*[\w$#]+)*", re.ASCII)
_COMPONENT_CALLEE = re.compile(rb"[\w$]+|[A-Z_$][\w$]*\.[\w$]+")
_NAMED = frozenset({"class", "method", "function"})
_MAX_WRAPPERS = 8
_WRAPPERS = frozenset(
    {"parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression"}
)
_OWNER_PREFIX = re.compile(r"(?:this|exports|module\.exports)\.(?=.)")


class _Scope(NamedTuple):
    start: Position
    end: Position
    kind: str
    name: str | None


def function_table(text: str, url: str | None) -> FunctionTable | None:
    """The functions of one source; None where no grammar fits its URL or nothing can be made of it.

    Methods are `Class.method`, constructors `new Class`, other functions carry their own name,
    else that of the variable, field or property that holds them, else `<anonymous>`; code outside
    functions is `<toplevel>`.
    """
    data = text.encode("utf-8", "surrogatepass")
    found = parsed(data, grammar_names(url))
    if found is None:
        return None
    tree, grammar = found
    return FunctionTable.of(_boundaries(_scopes(tree, data, grammar)))


@cache
def _query(grammar: str) -> Query:
    return Query(language(grammar), query_text(grammar))


def _scopes(tree: Tree, data: bytes, grammar: str) -> list[_Scope]:
    """Functions, classes and initialisers, outermost first at equal starts."""
    nodes: list[Node] = []
    holders: dict[int, str | None] = {}
    for _, captures in QueryCursor(_query(grammar)).matches(tree.root_node):
        if "scope" in captures:
            nodes.append(captures["scope"][0])
            continue
        name = _name_text(captures["name"][0], data) if "name" in captures else "default"
        for function in _held(captures["value"][0]):
            holders[function.id] = name
    nodes.sort(key=lambda node: (node.start_byte, -node.end_byte))
    place = utf16_placer(data)
    return [_scope(node, holders, data, place) for node in nodes]


def _scope(node: Node, holders: dict[int, str | None], data: bytes, place: Placer) -> _Scope:
    kind = _kind(node)
    own = node.child_by_field_name("name") if kind in _NAMED else None
    name = _name_text(own, data) if own is not None else holders.get(node.id)
    start = place(node.start_byte, *node.start_point)
    return _Scope(start, place(node.end_byte, *node.end_point), kind, name)


def _held(value: Node, depth: int = 0) -> list[Node]:
    """The functions that a held value is, after taking off what may stand around them."""
    if value.type in FUNCTIONS:
        return [value]
    if depth == _MAX_WRAPPERS:
        return []
    if value.type == "ternary_expression":
        branches = (
            value.child_by_field_name("consequence"),
            value.child_by_field_name("alternative"),
        )
        return [function for branch in branches if branch for function in _held(branch, depth + 1)]
    if value.type == "binary_expression":
        right = value.child_by_field_name("right")
        return _held(right, depth + 1) if right else []
    if value.type == "call_expression":
        return _wrapped_component(value, depth + 1)
    inner = value.named_child(0) if value.type in _WRAPPERS and value.named_child_count else None
    return _held(inner, depth + 1) if inner else []


def _wrapped_component(call: Node, depth: int) -> list[Node]:
    """The first argument of `memo(…)`, `React.memo(…)` and the like, if it is a function."""
    callee = call.child_by_field_name("function")
    if callee is None or not _COMPONENT_CALLEE.fullmatch(callee.text or b""):
        return []
    arguments = call.child_by_field_name("arguments")
    first = arguments.named_child(0) if arguments and arguments.named_child_count else None
    return _held(first, depth) if first else []


def _kind(node: Node) -> str:
    if node.type in _CLASSES:
        return "class"
    if node.type == "method_definition":
        return "method"
    if node.type == "class_static_block":
        return "static"
    if node.type.endswith("field_definition"):
        is_static = any(child.type == "static" for child in node.children)
        return "static" if is_static else "field"
    return "function"


def _name_text(node: Node, data: bytes) -> str | None:
    text = data[node.start_byte : node.end_byte].decode("utf-8", "replace")
    if node.type == "computed_property_name":
        return _computed(text[1:-1].strip())
    if node.type == "string":
        return text.strip(_QUOTES)
    if node.type == "member_expression":
        if _DOTTED.fullmatch(text) is None:
            return text.rpartition(".")[2].strip()
        text = _OWNER_PREFIX.sub("", re.sub(r"\s", "", text))
        return text.replace(".prototype.", ".")
    return text if node.type != "subscript_expression" else _subscript(text)


def _computed(expression: str) -> str:
    """What a computed key shows as: the text of string constants, or the expression itself."""
    if _STRING_SUM.fullmatch(expression) is None:
        return f"[{expression}]"
    return "".join(match[2] for match in _STRING.finditer(expression))


def _subscript(text: str) -> str | None:
    match = re.search(r"""\[\s*(["'])([^"'\\]+)\1\s*\]$""", text)
    return match[2] if match else None


def _boundaries(scopes: list[_Scope]) -> list[tuple[int, int, str]]:
    """Where the innermost function changes: (line, column, name from there on)."""
    out = [(0, 0, TOPLEVEL)]
    open_scopes: list[tuple[_Scope, str]] = []
    for scope in scopes:
        _close(open_scopes, scope.start, out)
        name = _display_name(scope, open_scopes)
        if scope.kind == "class":
            out += _implicit_constructor(scope.start, name, _innermost(open_scopes))
        else:
            out.append((*scope.start, name))
        open_scopes.append((scope, name))
    _close(open_scopes, None, out)
    return out


def _close(
    open_scopes: list[tuple[_Scope, str]],
    before: Position | None,
    out: list[tuple[int, int, str]],
) -> None:
    while open_scopes and (before is None or open_scopes[-1][0].end <= before):
        end = open_scopes.pop()[0].end
        out.append((*end, _innermost(open_scopes)))


def _innermost(open_scopes: list[tuple[_Scope, str]]) -> str:
    outer = (name for scope, name in reversed(open_scopes) if scope.kind != "class")
    return next(outer, TOPLEVEL)


def _implicit_constructor(start: Position, name: str, outer: str) -> list[tuple[int, int, str]]:
    """A constructor that nobody wrote: engines place it on the first character of its class."""
    line, column = start
    return [(line, column, f"new {name}"), (line, column + 1, outer)]


def _display_name(scope: _Scope, outer: list[tuple[_Scope, str]]) -> str:
    if scope.kind == "static":
        return _STATIC_CODE
    if scope.kind == "field":
        return _FIELD_CODE
    if scope.kind != "method":
        return scope.name or ANONYMOUS
    name = scope.name or ANONYMOUS
    owner = outer[-1] if outer else None
    if owner is None or owner[0].kind != "class":
        return name
    if name == "constructor":
        return f"new {owner[1]}"
    return name if owner[1] == ANONYMOUS else f"{owner[1]}.{name}"
