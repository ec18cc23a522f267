"""In-app rules: what is demoted, and what is not."""

from __future__ import annotations

import pytest

from symbolicate.in_app import is_foreign_python, is_foreign_script


@pytest.mark.parametrize(
    "path",
    [
        "webpack://shop/node_modules/react-dom/index.js",
        "../../node_modules/.pnpm/x@1/index.mjs",
        "node:internal/process/task_queues",
        "webkit-masked-url://hidden/",
        "chrome-extension://abcdef/content.js",
        "moz-extension://abcdef/content.js",
        "webpack:///src/kotlin/androidx/compose/runtime/Composer.kt",
        "webpack:///src/kotlin/org/jetbrains/compose/Foo.kt",
    ],
)
def test_foreign_scripts(path: str) -> None:
    assert is_foreign_script(path)


@pytest.mark.parametrize(
    "path",
    [
        "",
        "src/cart.ts",
        "webpack://shop/src/cart.ts",
        "https://x.test/proxy?to=chrome-extension://abc",
        "src/node:fs.ts",
        "src/node-modules/a.ts",
        "androidx/compose/a.kt",
    ],
)
def test_a_users_own_scripts(path: str) -> None:
    assert not is_foreign_script(path)


@pytest.mark.parametrize(
    ("filename", "abs_path", "module", "foreign"),
    [
        pytest.param("<frozen runpy>", "<frozen runpy>", "runpy", True, id="1 pseudo-file of std"),
        pytest.param("<frozen os>", None, "os.path", True, id="1 by the top-level module"),
        pytest.param("<string>", "<string>", "shop.models", False, id="1 pseudo-file of an app"),
        pytest.param("<stdin>", "<stdin>", None, False, id="1 pseudo-file of no module"),
        pytest.param("a.py", "/v/lib/python3.11/site-packages/a.py", "a", True, id="2 site"),
        pytest.param("a.py", "/usr/lib/python3/dist-packages/a.py", "a", True, id="2 dist"),
        pytest.param("a.py", r"C:\v\Lib\site-packages\a.py", "a", True, id="2 Windows"),
        pytest.param("x/site-packages/a.py", None, None, True, id="2 filename without abs_path"),
        pytest.param("x/site-packages/a.py", "/srv/a.py", None, False, id="2 abs_path wins"),
        pytest.param("a.py", "/srv/my-site-packages/a.py", "a", False, id="2 whole segment only"),
        pytest.param(
            "json/x.py", "/usr/lib/python3.11/json/x.py", "json", True, id="3 std library"
        ),
        pytest.param("a.py", "/opt/Lib/python3/a.py", None, True, id="3 no minor version"),
        pytest.param("/lib/python3.11/a.py", None, None, False, id="3 needs abs_path"),
        pytest.param("a.py", "/srv/lib/pythonic/a.py", None, False, id="3 needs a version"),
        pytest.param(
            "logging/x.py", "/srv/app/logging/x.py", "logging.x", False, id="abs_path ends"
        ),
        pytest.param("logging/x.py", None, "logging.x", True, id="4 by module"),
        pytest.param("app.py", None, "shop.logging", False, id="4 first part only"),
        pytest.param("app.py", None, None, False, id="4 no module"),
    ],
)
def test_python_rules_in_order(
    filename: str, abs_path: str | None, module: str | None, foreign: bool
) -> None:
    assert is_foreign_python(filename, abs_path, module) is foreign
