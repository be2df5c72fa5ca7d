"""Files behind URLs: whatever fsspec reaches."""

from typing import TYPE_CHECKING, Any

from pymafsam.errors import BadInput, MissingAsset

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def file_system(url: str) -> tuple[Any, str]:
    """fsspec's file system of a path or URL, and the path on it. Raises MissingAsset, BadInput."""
    try:
        import fsspec
    except ImportError as error:
        raise MissingAsset("Lists and URLs need fsspec: pip install 'pymafsam[batch]'") from error
    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise BadInput(f"{url} cannot be opened: {error}") from error


def address(files: "AbstractFileSystem", path: str) -> str:
    """A path on a file system so that it means the same elsewhere: local ones stay plain."""
    local = "file" in ((files.protocol,) if isinstance(files.protocol, str) else files.protocol)
    return path if local else str(files.unstrip_protocol(path))
