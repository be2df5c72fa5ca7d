"""What a machine keeps for itself is believed only when whole and closed to others."""

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


def test_a_file_taken_as_it_is_has_the_digest_of_its_content(tmp_path):
    made, place = tmp_path / "made", tmp_path / "deep" / "place"
    made.write_bytes(b"content")
    digest = kept.take(place, made)
    assert digest == kept.DIGEST(b"content").digest() == kept.digest_of(place)
    assert place.read_bytes() == b"content"
    place.write_bytes(b"")
    assert kept.digest_of(place) is None
    assert kept.digest_of(tmp_path / "other") is None


@posix
def test_what_is_kept_is_closed_to_others_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        kept.write(tmp_path / "thing.o", b"content")
    finally:
        os.umask(before)
    assert kept.read(tmp_path / "thing.o") == b"content"


def test_where_nothing_can_be_written_nothing_is_said_either(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    kept.write(tmp_path / "file" / "thing.o", b"content")
    assert kept.read(tmp_path / "file" / "thing.o") is None


def test_a_key_changes_with_every_part():
    keys = {kept.key("a", "b"), kept.key("a", "c"), kept.key("ab"), kept.key("ab", "")}
    assert len(keys) == 4
