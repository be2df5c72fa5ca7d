"""For all tests: shapes written in annotations are checked, shared data is found or skipped."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

# The hook wraps every module of the package imported from here on.
SHAPES_CHECKED = install_import_hook("pymafsam", "beartype.beartype")

# How long an example takes says more about who else computes than about us.
settings.register_profile("pymafsam", deadline=None)
settings.load_profile("pymafsam")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the development photographs (``PYMAFSAM_TEST_DATA``); absent for users."""
    folder = Path(os.environ.get("PYMAFSAM_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the development photographs are not here ({folder})")
    return folder


@pytest.fixture(scope="session")
def parity_pack() -> Path:
    """Folder with the reference's golden outputs (``PYMAFSAM_PARITY``); absent for users."""
    folder = Path(os.environ.get("PYMAFSAM_PARITY", ROOT.parent / "shared" / "parity"))
    if not folder.is_dir():
        pytest.skip(f"the reference's golden outputs are not here ({folder})")
    return folder


@pytest.fixture(scope="session")
def networks() -> None:
    """The networks of the default flow, fetched on first use."""
    from pymafsam.errors import MissingAsset
    from pymafsam.pretrained import catalogue

    try:
        catalogue.fetch(name for name, asset in catalogue.ASSETS.items() if asset.by_default)
    except MissingAsset as error:
        pytest.skip(f"the networks cannot be had: {error}")
