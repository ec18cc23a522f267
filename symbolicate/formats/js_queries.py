"""Tree-sitter queries that find functions, classes and what holds them.

A match has either `@scope`, a function, a class or code that runs on its own, or `@value`, what a
holder holds, with `@name`, the node that names the holder, or `@default` for the default export.
"""

from __future__ import annotations

FUNCTIONS = ("arrow_function", "function_expression", "generator_function", "class")
"""Values that take the name of their holder unless they have one."""

_DECLARATIONS = (
    "function_declaration",
    "generator_function_declaration",
    "class_declaration",
    "method_definition",
    "class_static_block",
)
_WRAPPERS = ("parenthesized_expression", "ternary_expression", "binary_expression")
_TYPED_WRAPPERS = ("as_expression", "satisfies_expression", "non_null_expression")

_TARGET = "[(identifier) (member_expression) (subscript_expression)] @name"
_HOLDERS = (
    f"(assignment_expression left: {_TARGET} right: {{value}})",
    f"(augmented_assignment_expression left: {_TARGET} right: {{value}})",
    "(pair key: (_) @name value: {value})",
    "(assignment_pattern left: (identifier) @name right: {value})",
    "(object_assignment_pattern left: (_) @name right: {value})",
    '(export_statement "default" @default value: {value})',
)


def query_text(grammar: str) -> str:
    """The query for one grammar; their field names differ only for class fields."""
    typed = grammar != "javascript"
    field, key = ("public_field_definition", "name") if typed else ("field_definition", "property")
    declarations = (*_DECLARATIONS, "abstract_class_declaration") if typed else _DECLARATIONS
    wrappers = (*_WRAPPERS, *_TYPED_WRAPPERS) if typed else _WRAPPERS
    holders = [*_HOLDERS, f"({field} {key}: (_) @name value: {{value}})"]
    if typed:
        holders.append("(required_parameter pattern: (identifier) @name value: {value})")
    value = _any_of((*FUNCTIONS, *wrappers)) + " @value"
    held = _any_of((*FUNCTIONS, *wrappers, "call_expression")) + " @value"
    patterns = [
        _any_of((*declarations, *FUNCTIONS)) + " @scope",
        f"({field} value: (_)) @scope",
        f"(variable_declarator name: (identifier) @name value: {held})",
        *(holder.format(value=value) for holder in holders),
    ]
    return "\n".join(patterns)


def _any_of(kinds: tuple[str, ...]) -> str:
    return "[" + " ".join(f"({kind})" for kind in kinds) + "]"
