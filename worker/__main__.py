"""`python -m symbolicate_worker`: the same as `symbolicate worker`."""

from __future__ import annotations

from .main import worker

if __name__ == "__main__":
    worker()
