"""Starts the command line: `python -m symbolicate`."""

from __future__ import annotations

from symbolicate.cli import main

if __name__ == "__main__":
    main(prog_name="symbolicate")
