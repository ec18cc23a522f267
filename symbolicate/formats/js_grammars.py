"""Which syntax trees can be made of which sources: JavaScript, JSX, TypeScript and TSX."""

from __future__ import annotations

import re
from functools import cache

from tree_sitter import Language

_EXTENSION = re.compile(r"\.([A-Za-z0-9]+)(?:[?#].*)?$", re.DOTALL)
_JAVASCRIPT = frozenset({"js", "jsx", "mjs", "cjs", "es6", "es"})
_TYPESCRIPT = frozenset({"ts", "mts", "cts"})


def grammar_names(url: str | None) -> tuple[str, ...]:
    """Grammars to try for a source, best first; none for a language that has another grammar."""
    match = _EXTENSION.search(url or "")
    extension = match[1].lower() if match else ""
    if extension in _TYPESCRIPT:
        return ("typescript", "tsx")
    if extension == "tsx":
        return ("tsx",)
    if extension in _JAVASCRIPT:
        return ("javascript", "tsx")
    return (
        ()
        if len(extension) and extension.isalpha() and extension in _FOREIGN
        else ("javascript", "tsx")
    )


_FOREIGN = frozenset(
    {"vue", "svelte", "astro", "css", "scss", "sass", "less", "html", "htm", "json", "json5"}
    | {"coffee", "elm", "re", "ml", "wasm", "rs", "c", "cc", "cpp", "h", "go", "kt", "dart", "py"}
    | {"md", "mdx", "graphql", "gql", "yaml", "yml", "svg", "txt", "xml", "pug", "ejs", "hbs"}
)


@cache
def language(name: str) -> Language:
    """The grammar of that name."""
    if name == "javascript":
        import tree_sitter_javascript

        return Language(tree_sitter_javascript.language())
    import tree_sitter_typescript

    if name == "tsx":
        return Language(tree_sitter_typescript.language_tsx())
    return Language(tree_sitter_typescript.language_typescript())
