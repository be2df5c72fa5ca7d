"""What a machine keeps for itself is believed only when whole and closed to others."""

import errno
import os

import pytest

from pymafsam.files import kept

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="ownership is checked on POSIX")


def test_what_was_kept_is_read_again(tmp_path):
    kept.write(tmp_path / "deep" / "thing.o", b"content")
    assert kept.read(tmp_path / "deep" / "thing.o") == b"content"
    assert kept.read(tmp_path / "other.o") is None


@pytest.mark.parametrize(
    "damage", [lambda b: b[:-1], lambda b: b[:20], lambda b: b"", lambda b: b + b"x"]
)
def test_a_damaged_file_counts_as_not_there(tmp_path, damage):
    path = tmp_path / "thing.o"
    kept.write(path, b"content" * 100)
    path.write_bytes(damage(path.read_bytes()))
    assert kept.read(path) is None


@posix
def test_a_file_that_others_may_write_is_not_believed(tmp_path):
    path = tmp_path / "thing.o"
    kept.write(path, b"content")
    path.chmod(0o664)
    assert kept.read(path) is None


def test_a_file_taken_as_it_is_has_the_digest_and_the_stamp_of_its_content(tmp_path):
    made, place = tmp_path / "made", tmp_path / "deep" / "place"
    made.write_bytes(b"content")
    marks = kept.take(place, made)
    assert kept.digest_of(place) == kept.DIGEST(b"content").digest()
    assert marks == kept.digest_of(place) + kept.stamp_of(place)
    assert place.read_bytes() == b"content"
    place.write_bytes(b"")
    assert kept.digest_of(place) is None
    assert kept.digest_of(tmp_path / "other") is None


def test_what_lies_in_the_place_of_a_file_that_could_not_be_taken_is_not_taken_for_it(
    tmp_path, monkeypatch
):
    made, place = tmp_path / "made", tmp_path / "place"
    made.write_bytes(b"content")
    place.write_bytes(b"damaged")
    place.chmod(0o644)

    def full(one, other):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kept.shutil, "copyfile", full)
    assert kept.take(place, made) is None


@posix
def test_what_is_kept_is_closed_to_others_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        kept.write(tmp_path / "thing.o", b"content")
        (tmp_path / "made").write_bytes(b"content")
        assert kept.take(tmp_path / "place", tmp_path / "made") is not None
    finally:
        os.umask(before)
    assert kept.read(tmp_path / "thing.o") == b"content"
    assert kept.digest_of(tmp_path / "place") is not None


def test_where_nothing_can_be_written_nothing_is_said_either(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    kept.write(tmp_path / "file" / "thing.o", b"content")
    assert kept.read(tmp_path / "file" / "thing.o") is None


def test_a_key_changes_with_every_part():
    keys = {kept.key("a", "b"), kept.key("a", "c"), kept.key("ab"), kept.key("ab", "")}
    assert len(keys) == 4


def test_what_nobody_read_for_a_month_goes_and_what_belongs_together_stays_together(tmp_path):
    now, day = 1e9, 24 * 3600.0
    ages = {
        "old.onnx": 31, "old.weights": 31, "read.onnx": 5, "read.weights": 90,
        "alone.ort": 40, "young.o": 29,
    }  # fmt: skip
    for name, days in ages.items():
        (tmp_path / name).write_bytes(b"content")
        os.utime(tmp_path / name, (now, now - days * day))
    assert kept.sweep(tmp_path, now=now) == 3
    assert {p.name for p in tmp_path.iterdir()} == {"read.onnx", "read.weights", "young.o"}
    assert kept.sweep(tmp_path / "nowhere") == 0


def test_to_keep_something_sweeps_and_to_read_it_counts_as_a_use(tmp_path):
    old, used = tmp_path / "old.o", tmp_path / "used.o"
    for path in (old, used):
        kept.write(path, b"content")
        os.utime(path, (0, 0))
    assert kept.read(used) == b"content"
    kept.write(tmp_path / "new.o", b"content")
    assert {p.name for p in tmp_path.iterdir()} == {"used.o", "new.o"}


def test_a_stamp_changes_with_the_size_and_the_time(tmp_path):
    path = tmp_path / "weights"
    assert kept.stamp_of(path) is None
    path.write_bytes(b"content")
    path.chmod(0o644)
    first = kept.stamp_of(path)
    assert first == kept.stamp_of(path) is not None
    assert len(first) == kept.STAMP.size
    os.utime(path, (1, 1))
    assert kept.stamp_of(path) != first
