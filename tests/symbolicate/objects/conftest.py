"""Every storage test runs on the directory, on a real S3 service and in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from symbolicate.objects.opening import open_store
from symbolicate.objects.store import ObjectStore


@pytest.fixture(params=["memory", "directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ObjectStore]:
    """Gives an empty store of each kind."""
    urls = {"memory": "memory://", "directory": (tmp_path / "objects").as_uri()}
    url = urls.get(request.param) or request.getfixturevalue("s3_url")
    opened = open_store(url, secret_key=b"secret")
    yield opened
    opened.close()
