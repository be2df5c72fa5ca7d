"""The front door: what a user may rely on."""

import pymafsam


def test_every_public_name_can_be_had():
    for name in pymafsam.__all__:
        assert getattr(pymafsam, name) is not None


def test_the_public_names_are_these():
    assert sorted(pymafsam.__all__) == sorted(
        "Body Camera Frame Mask Person Prompt PymafsamError Reconstructor Scene from_array read "
        "save show".split()
    )
