"""In-app rules: which frames are not the user's own code, told by their paths and modules.

Rules only demote: the caller combines them with what the client said.
"""

from __future__ import annotations

import re
import sys

_EXTENSIONS = ("webkit-masked-url://", "chrome-extension://", "moz-extension://")
_NODE_CORE = "node:"
_FOREIGN_PREFIXES = (*_EXTENSIONS, _NODE_CORE)
# Compose for the web ships Kotlin sources whose paths keep the package folders.
_FOREIGN_PARTS = ("node_modules", "/kotlin/androidx/compose/", "/kotlin/org/jetbrains/compose/")

_PSEUDO_FILE = re.compile(r"<.*>", re.DOTALL)
_SITE_PACKAGES = re.compile(r"[/\\](dist|site)-packages[/\\]")
_PYTHON_LIBRARY = re.compile(r"[/\\][Ll]ib[/\\]python\d+(\.\d+)?[/\\]")


def is_foreign_script(path: str) -> bool:
    """Tells whether a JavaScript file is a dependency, the runtime's or a browser extension's."""
    return path.startswith(_FOREIGN_PREFIXES) or any(part in path for part in _FOREIGN_PARTS)


def is_foreign_python(filename: str, abs_path: str | None, module: str | None) -> bool:
    """Tells whether a Python frame is in the standard library or an installed package.

    An `abs_path` outside both ends the check, so an application's own package called `logging`
    is not foreign.
    """
    path = abs_path or filename
    if _PSEUDO_FILE.fullmatch(path) and _is_standard(module):
        return True
    if _SITE_PACKAGES.search(path):
        return True
    if abs_path:
        return _PYTHON_LIBRARY.search(abs_path) is not None
    return _is_standard(module)


def _is_standard(module: str | None) -> bool:
    return module is not None and module.partition(".")[0] in sys.stdlib_module_names
