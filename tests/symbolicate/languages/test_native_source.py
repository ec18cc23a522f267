"""Source files of native programs: their language, and whose code they are."""

from __future__ import annotations

import pytest

from symbolicate.languages.native_source import is_foreign_native, lang_of_source

EXTENSIONS = {
    "rs": "rust",
    "go": "go",
    "c": "c",
    "h": "c",
    "cpp": "cpp",
    "cc": "cpp",
    "cxx": "cpp",
    "hpp": "cpp",
    "hh": "cpp",
    "hxx": "cpp",
    "swift": "swift",
    "m": "objectivec",
    "mm": "objectivecpp",
}


@pytest.mark.parametrize(("extension", "lang"), EXTENSIONS.items())
def test_an_extension_says_the_language(extension: str, lang: str) -> None:
    assert lang_of_source(f"/src/v1.2/a.b.{extension}") == lang


@pytest.mark.parametrize("path", [None, "", "rs", "a.rs/b", "a.zig", "a.rs.bak", "a."])
def test_no_other_file_says_one(path: str | None) -> None:
    assert lang_of_source(path) is None


@pytest.mark.parametrize(
    "path",
    [
        "/home/u/.cargo/registry/src/index.crates.io-6f17d22bba15001f/serde-1.0/src/lib.rs",
        "/usr/local/cargo/registry/src/index.crates.io-6f17d22bba15001f/serde-1.0/src/lib.rs",
        r"C:\Users\u\.cargo\registry\src\index.crates.io-6f17d22bba15001f\serde-1.0\src\lib.rs",
        "/home/u/.cargo/git/checkouts/serde-0123/89abcde/src/lib.rs",
        "/rustc/90b35a6/library/core/src/panicking.rs",
        "/rustc/90b35a6239c3d8bdabc530a6a0816f7ff89a0aaf/library/std/src/rt.rs",
        "/t/lib/rustlib/src/rust/library/std/src/rt.rs",
        *(f"library/{crate}/src/a.rs" for crate in ["std", "core", "alloc", "proc_macro", "test"]),
    ],
)
def test_crates_and_the_rust_library_are_foreign(path: str) -> None:
    assert is_foreign_native(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "src/main.rs",
        "/srv/cargo/src/main.rs",
        "/srv/registry/src/main.rs",
        "/srv/mycargo/registry/src/main.rs",
        "/rustc/90b35a/library/core/src/panicking.rs",
        "/rustc/main-branch/src/a.rs",
        "/srv/library/core/src/a.rs",
        "library/books/src/a.rs",
    ],
)
def test_other_files_are_not(path: str) -> None:
    assert not is_foreign_native(path)
