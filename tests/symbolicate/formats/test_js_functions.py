from __future__ import annotations

import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolicate.formats.function_table import is_downlevelled
from symbolicate.formats.js_functions import function_table


def name_at_mark(source: str, url: str) -> str | None:
    """The function at the `@` of a source."""
    before, _, after = source.partition("@")
    table = function_table(before + after, url)
    assert table is not None
    line = before.count("\n")
    column = len(before.rpartition("\n")[2].encode("utf-16-le")) // 2
    return table.name_at(line, column)


SHAPES = {
    "function f() { @x }": "f",
    "function* g() { @x }": "g",
    "async function h() { await @x }": "h",
    "@x": "<toplevel>",
    "function f() {} @x; function g() {}": "<toplevel>",
    "const a = () => @x": "a",
    "let b = function () { @x }": "b",
    "const c = function named() { @x }": "named",
    "x = async () => { @x }": "x",
    "x ||= () => { @x }": "x",
    "a.b.c = function () { @x }": "a.b.c",
    "this.run = () => { @x }": "run",
    "exports.run = () => { @x }": "run",
    "module.exports = () => { @x }": "module.exports",
    "Cart.prototype.total = function () { @x }": "Cart.total",
    "f().g = () => { @x }": "g",
    "o['key'] = () => { @x }": "key",
    "o[k] = () => { @x }": "<anonymous>",
    "const o = { k: () => { @x } }": "k",
    "const o = { 'two words': function () { @x } }": "two words",
    "const o = { m() { @x } }": "m",
    "const o = { get m() { @x } }": "m",
    "const { d = () => { @x } } = o": "d",
    "const [e = () => { @x }] = o": "e",
    "class A { m() { @x } }": "A.m",
    "class A { static m() { @x } }": "A.m",
    "class A { async *m() { @x } }": "A.m",
    "class A { get m() { @x } }": "A.m",
    "class A { #m() { @x } }": "A.#m",
    "class A { constructor() { @x } }": "new A",
    "class A { [Symbol.iterator]() { @x } }": "A.[Symbol.iterator]",
    "class A { ['lit']() { @x } }": "A.lit",
    "class A { 'str'() { @x } }": "A.str",
    "class A { ['a' + \"b\"]() { @x } }": "A.ab",
    "class A { [a + 'b']() { @x } }": "A.[a + 'b']",
    "@class A { f = x }": "new A",
    "c@lass A { f = x }": "<toplevel>",
    "function f() { return @class extends B {} }": "new <anonymous>",
    "class A { f = () => { @x } }": "f",
    "class A { static f = () => { @x } }": "f",
    "class A { f = @x }": "<instance_members_initializer>",
    "class A { static f = @x }": "<static_initializer>",
    "class A { static { @x } }": "<static_initializer>",
    "class A extends B { m() { @x } }": "A.m",
    "const C = class { m() { @x } }": "C.m",
    "const C = class D { m() { @x } }": "D.m",
    "f(class { m() { @x } })": "m",
    "f(class { constructor() { @x } })": "new <anonymous>",
    "export default function () { @x }": "default",
    "export default () => { @x }": "default",
    "export default class { m() { @x } }": "default.m",
    "export const e = () => { @x }": "e",
    "const X = memo(() => { @x })": "X",
    "const X = memo(forwardRef(function () { @x }))": "X",
    "const X = React.memo(() => { @x })": "X",
    "const list = items.map(() => { @x })": "<anonymous>",
    "const v = (() => { @x })()": "<anonymous>",
    "const v = (() => { @x })": "v",
    "const v = c ? () => { @x } : null": "v",
    "const v = w || function () { @x }": "v",
    "f(() => { @x })": "<anonymous>",
    "new Promise((resolve) => { @x })": "<anonymous>",
    "function f(p = () => { @x }) {}": "p",
    "function f(p = @x) {}": "f",
    "function f() { return () => { @x } }": "<anonymous>",
    "function outer() { function inner() {} @x }": "outer",
    "const b = <button onClick={() => { @x }} />": "<anonymous>",
    "function B() { return <b>{@x}</b> }": "B",
}

TYPED_SHAPES = {
    "class A<T> { private m<U>(u: U): void { @x } }": "A.m",
    "abstract class A { m(): void { @x } abstract n(): void }": "A.m",
    "class A { private f: () => void = () => { @x } }": "f",
    "class A { static readonly f = @x }": "<static_initializer>",
    "class A { constructor(private readonly b: B) { @x } }": "new A",
    "const f: F<T> = (a: string): void => { @x }": "f",
    "const f = ((a) => { @x }) as any": "f",
    "const f = function () { @x } satisfies F": "f",
    "const f = (() => { @x })!": "f",
    "const X: FC<P> = React.memo<P>(() => { @x })": "X",
    "function f(p: () => void = () => { @x }) {}": "p",
    "namespace N { export function f() { @x } }": "f",
    "function f(a: string): void; function f(a: any) { @x }": "f",
    "export default class A { @m() n() { x } }".replace("@m", "").replace("x }", "@x }"): "A.n",
}


@pytest.mark.parametrize(("source", "name"), SHAPES.items(), ids=SHAPES)
@pytest.mark.parametrize("url", ["a.js", "a.tsx"])
def test_shapes_of_functions(source: str, name: str, url: str) -> None:
    assert name_at_mark(source, url) == name


@pytest.mark.parametrize(("source", "name"), TYPED_SHAPES.items(), ids=TYPED_SHAPES)
@pytest.mark.parametrize("url", ["a.ts", "a.tsx"])
def test_shapes_of_typed_functions(source: str, name: str, url: str) -> None:
    assert name_at_mark(source, url) == name


def test_casts_that_look_like_elements_need_the_plain_grammar() -> None:
    assert name_at_mark("const f = <T>(x: T) => { return <any>@x }", "a.ts") == "f"


@pytest.mark.parametrize(
    ("before", "line_end"),
    [("const s = '日本é😀'; ", ""), ("", "\r\n"), ("", "\r"), ("// 😀", "\n")],
    ids=["astral text on the line", "CRLF", "CR", "astral text on a line before"],
)
def test_columns_are_utf16_units(before: str, line_end: str) -> None:
    source = f"{before}{line_end}function f() {{ {line_end} '😀'; @x }} y"
    if line_end == "\r":
        before_mark, _, after = source.partition("@")
        table = function_table(before_mark + after, "a.js")
        assert table is not None
        assert table.name_at(2, 7) == "f"
        assert table.name_at(2, 12) == "<toplevel>"
    else:
        assert name_at_mark(source, "a.js") == "f"
        assert name_at_mark(source.replace("@", "").replace("y", "@y"), "a.js") == "<toplevel>"


@pytest.mark.parametrize(
    "url",
    ["a.js?x=1", "webpack:///./src/a.mjs", "a", None, "./a.cjs#frag", "a.jsx", "[eval]", "x.min"],
)
def test_urls_that_may_hold_javascript(url: str | None) -> None:
    assert function_table("function f() { }", url) is not None


def test_wrappers_are_taken_off_up_to_a_depth() -> None:
    def wrapped(depth: int) -> str:
        return "const x = " + "(" * depth + "() => { @y }" + ")" * depth

    assert name_at_mark(wrapped(5), "a.js") == "x"
    assert name_at_mark(wrapped(1500), "a.js") == "<anonymous>"


@pytest.mark.parametrize("url", ["a.vue", "a.svelte", "style.css", "data.json?x", "a.VUE"])
def test_other_languages_have_no_table(url: str) -> None:
    assert function_table("function f() { }", url) is None


def test_broken_sources_still_have_a_table() -> None:
    assert name_at_mark("function f() { @x } ) const = {{", "a.js") == "f"


def test_flow_types_are_read_by_the_typed_grammar() -> None:
    assert name_at_mark("function f(a: ?string, b: number): void { @x }", "a.js") == "f"


def test_names_of_downlevelled_helpers_are_told_apart() -> None:
    assert [is_downlevelled(name) for name in ("_callee", "_callee20$", "callee", "_calleeX")] == [
        True, True, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "url"),
    [
        pytest.param("f<a," * 60_000, "a.ts", id="unclosed type arguments"),
        pytest.param("f<a," * 60_000, "a.js", id="the same in a script"),
        pytest.param("<a " * 300_000, "a.js", id="unclosed elements"),
        pytest.param("x = " + "(" * 200_000, "a.js", id="parentheses"),
        pytest.param("{" * 300_000, "a.ts", id="braces"),
        pytest.param("`${" * 100_000, "a.js", id="templates"),
        pytest.param("x = " + "a ? b : " * 50_000 + "1", "a.js", id="choices"),
        pytest.param("x = " + "a => " * 100_000 + "1", "a.js", id="arrows"),
        pytest.param("x = " + "a + " * 100_000 + "1", "a.js", id="sums"),
        pytest.param("x = [" + ", " * 100_000, "a.js", id="holes"),
        pytest.param("x = f(" * 50_000, "a.js", id="calls"),
    ],
)
def test_sources_made_to_be_costly_are_given_up_or_read(source: str, url: str) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    function_table(source, url)
    after = resource.getrusage(resource.RUSAGE_SELF)
    assert after.ru_utime - usage.ru_utime < 10
    assert after.ru_maxrss - usage.ru_maxrss < 800 * 1024


PUNCTUATION = ["=>", "=", "(", ")", "{", "}", "[", "]", "<", ">", ",", ";", ":", ".", "?", "*"]
TEXTS = ["`", "${", "'", '"', "/", "//", "/*", "*/", "\\", "\n", "\r", "\u2028", "é", "😀"]
WORDS = [
    "function",
    "class",
    "const",
    "async",
    "return",
    "get",
    "static",
    "new",
    "await",
    "a",
    "#p",
]
words = st.sampled_from([*PUNCTUATION, *TEXTS, *WORDS])


@given(st.lists(words, max_size=60), st.sampled_from(["a.js", "a.ts", "a.tsx"]))
def test_any_text_gives_a_table_that_starts_at_the_top(parts: list[str], url: str) -> None:
    table = function_table(" ".join(parts), url)
    if table is not None:
        entries = table.entries()
        assert entries == sorted(entries, key=lambda entry: entry[:2])
        assert entries[0][:2] == (0, 0)
        assert all(name for _, _, name in entries)
