"""Real source maps to measure with, fetched from npm and bundled by esbuild.

| map | how it is made |
|---|---|
| small | esbuild: one bundle of d3 and lodash-es, minified |
| antd | as published in antd's dist (webpack and terser) |
| tf | as published in tfjs's dist (rollup and terser) |
| big | esbuild: one bundle of seven copies of d3, three, rxjs, mathjs, echarts and lodash-es |
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

PUBLISHED = {
    "antd": ("antd@5.21.0", "package/dist/antd.min.js"),
    "tf": ("@tensorflow/tfjs@4.21.0", "package/dist/tf.min.js"),
}
TOOLS = (
    "esbuild@0.28.2",
    "terser@5.51.4",
    "@jridgewell/trace-mapping@0.3.31",
    "source-map@0.8.0",
)
BUNDLED = (
    "d3@7.9.0",
    "three@0.170.0",
    "rxjs@7.8.1",
    "mathjs@13.2.0",
    "echarts@5.5.1",
    "lodash-es@4.17.21",
)
COPIES = 7


class Input(NamedTuple):
    """A minified script and its map."""

    name: str
    script: Path
    map: Path


def prepared(folder: Path) -> Path:
    """The folder, made and with the packages to bundle, the bundlers and node's peers in it."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "node_modules").is_dir():
        (folder / "package.json").write_text('{"private": true}')
        _run(folder, "npm", "install", "--no-audit", "--no-fund", *TOOLS, *BUNDLED)
    return folder


def inputs(folder: Path) -> list[Input]:
    """The four maps, made in `folder` unless they are there."""
    prepared(folder)
    return [
        _bundled(folder, "small", ["import * as a from 'd3'", "import * as b from 'lodash-es'"]),
        *(_published(folder, name) for name in PUBLISHED),
        _bundled(folder, "big", _copies(folder)),
    ]


def _published(folder: Path, name: str) -> Input:
    package, file = PUBLISHED[name]
    unpacked = folder / name
    if not unpacked.is_dir():
        archive = _run(folder, "npm", "pack", "--silent", package).strip().splitlines()[-1]
        unpacked.mkdir()
        _run(folder, "tar", "-xzf", archive, "-C", str(unpacked))
    script = unpacked / file
    return Input(name, script, script.with_name(script.name + ".map"))


def _bundled(folder: Path, name: str, imports: list[str]) -> Input:
    script = folder / f"{name}.min.js"
    if not script.is_file():
        used = ", ".join(line.split()[3] for line in imports)
        entry = folder / f"{name}.mjs"
        entry.write_text(";\n".join([*imports, f"globalThis.used = [{used}]"]))
        esbuild = str(folder / "node_modules" / ".bin" / "esbuild")
        options = ("--bundle", "--minify", "--sourcemap", "--log-level=error")
        _run(folder, esbuild, str(entry), *options, f"--outfile={script}")
    return Input(name, script, script.with_name(script.name + ".map"))


def _copies(folder: Path) -> list[str]:
    """Imports of copies of the packages, each in a folder of its own so that none is shared."""
    packages = [spec.rpartition("@")[0] for spec in BUNDLED]
    lines = []
    for number in range(COPIES):
        copy = folder / f"copy{number}"
        if not copy.is_dir():
            shutil.copytree(folder / "node_modules", copy / "node_modules", symlinks=True)
            names = [f"x{index}" for index in range(len(packages))]
            imported = [f"import * as {n} from '{p}'" for n, p in zip(names, packages, strict=True)]
            text = ";\n".join([*imported, f"export default [{', '.join(names)}]"])
            (copy / "index.mjs").write_text(text)
        lines.append(f"import * as c{number} from './copy{number}/index.mjs'")
    return lines


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, check=True, text=True, stdout=subprocess.PIPE)
    return done.stdout
