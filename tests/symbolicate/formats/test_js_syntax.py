from __future__ import annotations

import pytest

from symbolicate.formats.js_functions import function_table
from symbolicate.formats.js_grammars import grammar_names, language
from symbolicate.formats.js_queries import query_text
from symbolicate.formats.js_syntax import parsed

ALL = ("javascript", "typescript", "tsx")


@pytest.mark.parametrize(
    ("url", "first"),
    [
        ("a.js", "javascript"),
        ("dir/a.min.mjs?v=1#x", "javascript"),
        ("webpack://app/./src/a.jsx", "javascript"),
        ("a.ts", "typescript"),
        ("a.MTS", "typescript"),
        ("a.tsx", "tsx"),
        ("no-extension", "javascript"),
        (None, "javascript"),
        ("webpack/runtime/ensure chunk", "javascript"),
    ],
)
def test_extensions_choose_the_grammar(url: str | None, first: str) -> None:
    assert grammar_names(url)[0] == first


@pytest.mark.parametrize(
    "url", ["App.vue", "App.vue?vue&type=script", "a.svelte", "x.css", "m.wasm"]
)
def test_other_languages_have_no_grammar(url: str) -> None:
    assert grammar_names(url) == ()
    assert function_table("function f() {}", url) is None


@pytest.mark.parametrize("grammar", ALL)
def test_every_grammar_takes_its_query(grammar: str) -> None:
    from tree_sitter import Query

    assert Query(language(grammar), query_text(grammar)).pattern_count > 5
    assert language(grammar) is language(grammar)


def test_the_first_grammar_that_reads_all_is_taken() -> None:
    found = parsed(b"const f = (a: string) => a", ("javascript", "tsx"))
    assert found is not None
    assert found[1] == "tsx"
    found = parsed(b"const f = a => a", ("javascript", "tsx"))
    assert found is not None
    assert found[1] == "javascript"


def test_broken_text_is_read_by_the_first() -> None:
    found = parsed(b"const = = ;", ("javascript", "tsx"))
    assert found is not None
    assert found[1] == "javascript"
    assert found[0].root_node.has_error


def test_no_grammar_no_tree() -> None:
    assert parsed(b"x", ()) is None


@pytest.mark.parametrize(
    "text",
    [b"f<a," * 6000, b"x = [" + b"," * 3000, b"a => " * 50_000 + b"1"],
    ids=["angles", "punctuation", "depth"],
)
def test_costly_text_has_no_tree(text: bytes) -> None:
    assert parsed(text, ("tsx",)) is None


def test_comments_and_text_of_ordinary_size_are_no_bother() -> None:
    banner = "/" + "*" * 1500 + "/\n"
    cjk = "// " + "日本語。、" * 3000 + "\n"
    code = "function f() { return [1, 2, 3].map((x) => x < 2) }\n" * 500
    table = function_table(banner + cjk + code, "a.ts")
    assert table is not None
    assert table.name_at(2, 20) == "f"
