"""The directory store: what the file system holds before, during and after."""

from __future__ import annotations

import errno
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from symbolicate.errors import ObjectStoreUnavailable
from symbolicate.objects.local import LocalStore

SECRET = b"secret"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "objects"


@pytest.fixture
def store(root: Path) -> LocalStore:
    return LocalStore(root, SECRET)


def files(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}


def test_an_object_is_a_file_named_by_its_key(store: LocalStore, root: Path) -> None:
    store.put("1/symbolsets/a", b"content")
    assert files(root) == {"1/symbolsets/a"}
    assert (root / "1/symbolsets/a").read_bytes() == b"content"


def test_objects_outlive_the_process(store: LocalStore, root: Path) -> None:
    store.put("1/a", b"content")
    assert LocalStore(root, SECRET).get("1/a", limit=100) == b"content"


def test_bytes_are_synced_before_they_get_their_name_and_the_folders_after(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[str, bool]] = []

    def fsync(descriptor: int) -> None:
        path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
        named = (root / "1/a/b").exists()
        synced.append((path.relative_to(root).parts[0] if path != root else ".", named))

    if not Path("/proc/self/fd").exists():
        pytest.skip("needs /proc to tell which file was synced")
    monkeypatch.setattr(os, "fsync", fsync)
    store.put("1/a/b", b"content")
    assert synced == [(".incoming", False), (".", False), ("1", False), ("1", True)]


def test_an_upload_in_progress_is_not_listed(store: LocalStore, root: Path) -> None:
    with store.receive("1/a") as incoming:
        incoming.write(b"half")
        incoming.flush()
        assert len(files(root)) == 1
        assert list(store.list("")) == []


def test_f9_a_full_disk_leaves_no_partial_file(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store.put("1/a", b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ObjectStoreUnavailable, match="No space left"):
        store.put("1/a", b"new")
    assert files(root) == {"1/a"}
    assert store.get("1/a", limit=10) == b"old"


def test_a_folder_that_went_away_is_unavailable_and_never_missing(
    store: LocalStore, root: Path
) -> None:
    store.check()
    root.rename(root.with_name("moved"))
    with pytest.raises(ObjectStoreUnavailable):
        store.check()
    with pytest.raises(ObjectStoreUnavailable):
        store.put("1/a", b"x")


def test_a_root_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(ObjectStoreUnavailable, match="Not a directory"):
        LocalStore(tmp_path / "file" / "objects", SECRET)


def test_a_file_that_cannot_be_read_is_unavailable(store: LocalStore, root: Path) -> None:
    (root / "1").mkdir()
    (root / "1/loop").symlink_to("loop")
    with pytest.raises(ObjectStoreUnavailable, match="symbolic link"):
        store.get("1/loop", limit=10)


def test_i5_what_a_killed_process_left_is_removed_after_an_hour(
    store: LocalStore, root: Path
) -> None:
    left, recent = root / ".incoming" / "left", root / ".incoming" / "recent"
    for path, age in ((left, timedelta(minutes=61)), (recent, timedelta(minutes=59))):
        path.write_bytes(b"half")
        moment = (datetime.now(UTC) - age).timestamp()
        os.utime(path, (moment, moment))
    store.remove_abandoned()
    assert files(root) == {".incoming/recent"}
    LocalStore(root, SECRET, lambda: datetime.now(UTC) + timedelta(hours=1))
    assert files(root) == set()


def folders(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_dir()}


def test_folders_that_held_nothing_for_an_hour_are_removed(store: LocalStore, root: Path) -> None:
    for name in ("1/compiled/old", "1/compiled/recent", "1/compiled/full"):
        store.put(f"{name}/a", b"content")
    store.delete(["1/compiled/old/a", "1/compiled/recent/a"])
    for folder, minutes in (("old", 61), ("recent", 59), ("full", 61)):
        moment = (datetime.now(UTC) - timedelta(minutes=minutes)).timestamp()
        os.utime(root / "1/compiled" / folder, (moment, moment))
    store.remove_empty_folders()
    kept = {"1", "1/compiled", "1/compiled/recent", "1/compiled/full", ".incoming"}
    assert folders(root) == kept


def test_all_but_the_root_may_go(store: LocalStore, root: Path) -> None:
    store.put("1/a/b", b"content")
    store.delete(["1/a/b"])
    late = LocalStore(root, SECRET, lambda: datetime.now(UTC) + timedelta(hours=2))
    late.remove_empty_folders()
    assert folders(root) == {".incoming"}
    store.put("1/a/b", b"again")
    assert store.get("1/a/b", limit=9) == b"again"


def test_a_folder_that_is_removed_while_a_file_arrives_is_made_again(
    store: LocalStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = Path.replace
    store.put("1/a/b", b"content")
    store.delete(["1/a/b"])

    def racing(file: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", replace)
        target.parent.rmdir()
        return replace(file, target)

    monkeypatch.setattr(Path, "replace", racing)
    store.put("1/a/b", b"again")
    assert store.get("1/a/b", limit=9) == b"again"
    assert files(root) == {"1/a/b"}
