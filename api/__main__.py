"""`python -m symbolicate_api` is `symbolicate serve`."""

from __future__ import annotations

from .main import serve

if __name__ == "__main__":
    serve()
