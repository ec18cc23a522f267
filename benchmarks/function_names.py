"""How many names of functions are right on real libraries: d3, lodash-es, mathjs, rxjs, three.

`python benchmarks/function_names.py [--data FOLDER]` runs failing calls (function_names.mjs) with
the libraries as they were published, which gives V8's own names, then bundled and minified by
esbuild and by terser, and compares what `function_at` says of each frame at the same original
line. Frames that V8 leaves unnamed are left out. Needs npm, node and the network.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from source_map_inputs import prepared

from symbolicate import SourceMap

FRAME = re.compile(r"^ {4}at (?:(.+?) \()?(?:file://)?([^()]+?):(\d+):(\d+)\)?$", re.MULTILINE)


class Frame(NamedTuple):
    """A frame as V8 prints it; `line` and `column` are 0-based."""

    name: str | None
    file: str
    line: int
    column: int


def stacks(script: Path) -> dict[str, list[Frame]]:
    """The frames of every failing call of a run."""
    command = ["node", str(script)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return {
        failed["label"]: [
            Frame(name or None, file, int(line) - 1, int(column) - 1)
            for name, file, line, column in FRAME.findall(failed["stack"])
        ]
        for failed in json.loads(done.stdout)
    }


def compared(name: str) -> str:
    """What of a name counts: its last part, without words that only say how it is called."""
    name = re.sub(r" \[as .*\]$", "", name)
    name = re.sub(r"^(async |new |get |set )+", "", name)
    name = name[name.index("[") :] if "[" in name else name.rpartition(".")[2]
    return name.lstrip("_#")


def tail(path: str) -> str:
    """What of a path stays the same when a file is bundled."""
    return "/".join(Path(path).parts[-3:])


def judged(bundle: Path, truth: dict[str, list[Frame]]) -> tuple[int, Counter[tuple[str, str]]]:
    """How many frames have a truth, and which names are wrong: (truth, ours) by count."""
    source_map = SourceMap.from_json(Path(f"{bundle}.map").read_bytes())
    frames, wrong = 0, Counter[tuple[str, str]]()
    for label, minified in stacks(bundle).items():
        for frame in minified:
            token = source_map.lookup(frame.line, frame.column)
            if frame.file != str(bundle) or token is None or token.source is None:
                continue
            same = [
                other
                for other in truth.get(label, [])
                if other.line == token.line and tail(other.file) == tail(token.source)
            ]
            same.sort(key=lambda other: abs(other.column - token.column))
            name = same[0].name if same else None
            if name is None or name.endswith("<anonymous>"):
                continue
            found = source_map.function_at(frame.line, frame.column)
            ours = found.name if found else "-"
            frames += 1
            if compared(ours) != compared(name):
                wrong[name, ours] += 1
    return frames, wrong


def bundles(folder: Path) -> list[Path]:
    """The failing calls with their libraries, minified by esbuild and by terser."""
    tools = folder / "node_modules" / ".bin"
    entry = folder / "function_names.mjs"
    shutil.copy(Path(__file__).with_suffix(".mjs"), entry)
    common = [str(tools / "esbuild"), str(entry), "--bundle", "--format=esm", "--sourcemap"]
    common += ["--log-level=error", "--platform=node"]
    made = []
    for name, options in (("names-esbuild", ["--minify"]), ("names-whole", [])):
        made.append(folder / f"{name}.mjs")
        subprocess.run([*common, *options, f"--outfile={made[-1]}"], cwd=folder, check=True)
    whole, made[1] = made[1], folder / "names-terser.mjs"
    terser = [str(tools / "terser"), whole.name, "--module", "--compress", "--mangle"]
    terser += [
        "--source-map",
        f"content='{whole.name}.map',url='{made[1].name}.map',includeSources",
    ]
    subprocess.run([*terser, "-o", made[1].name], cwd=folder, check=True)
    return made


def main() -> None:
    """Compares and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    kept = Path(tempfile.gettempdir()) / "symbolicate-source-maps"
    parser.add_argument("--data", type=Path, default=kept, help="where packages are kept")
    folder = prepared(parser.parse_args().data)
    made = bundles(folder)
    truth = stacks(folder / "function_names.mjs")
    table = Table("build", "named frames", "right", "share", "wrong: truth → ours", title="names")
    for bundle in made:
        frames, wrong = judged(bundle, truth)
        right = frames - wrong.total()
        shown = [f"{name} → {ours} ({n})" for (name, ours), n in wrong.most_common(12)]
        share = f"{right / frames:.1%}"
        table.add_row(bundle.stem, str(frames), str(right), share, "\n".join(shown))
    Console().print(table)


if __name__ == "__main__":
    main()
