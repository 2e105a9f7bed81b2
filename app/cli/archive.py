"""The file that a backup is: a tar of the database, the documents and perhaps the secret, and last its manifest.

The manifest names every member with its SHA-256. An archive is written beside its place and renamed into it, whole; it
is read through once, hash by hash, before anything of it is used. Nothing is ever unpacked by name: who restores asks
for a member and says where it shall go.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import secrets
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Self

from app.cli.shell import Refusal

FORMAT = "billhook-backup/1"
MANIFEST = "manifest.json"
SECRET = "secret_key"  # noqa: S105 - a member's name
FILES = "files/"
DATABASES = {"sqlite": "database.sqlite", "postgresql": "database.pgdump"}
MOST_MANIFEST = 256 * 1024 * 1024
_CHUNK = 1 << 20
_PART = re.compile(r"[^/\\\x00-\x1f]{1,255}")


@dataclass(frozen=True)
class Manifest:
    """What an archive holds. `rows` counts each table, `members` maps a name to its SHA-256 and size."""

    version: str
    created_at: str
    database: str
    schema: str
    revisions: dict[str, list[str]]
    rows: dict[str, int]
    members: dict[str, dict[str, Any]] = field(default_factory=dict)
    format: str = FORMAT

    def files(self) -> list[str]:
        """The documents among the members."""
        return [name for name in self.members if name.startswith(FILES)]


class Hashed(io.RawIOBase):
    """Passes bytes on and knows their SHA-256."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self.sha256 = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Read from the stream."""
        block = self._stream.read(size)
        self.sha256.update(block)
        return block

    def write(self, block: Any) -> int:
        """Write to the stream."""
        self.sha256.update(block)
        return self._stream.write(block)


class Writer:
    """Writes an archive. It stands in its place when the block is left, or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        self._members: dict[str, dict[str, Any]] = {}
        self._finished = False

    def __enter__(self) -> Self:
        """Begin. Raises Refusal where nothing can be written."""
        with refusing_os(self._path):
            descriptor = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        self._file = os.fdopen(descriptor, "wb")
        self._whole = Hashed(self._file)
        self._tar = tarfile.open(fileobj=self._whole, mode="w|", format=tarfile.PAX_FORMAT)
        return self

    def __exit__(self, *_exception: object) -> None:
        """What was not finished leaves nothing behind."""
        self._file.close()
        if not self._finished:
            self._draft.unlink(missing_ok=True)

    def add(self, name: str, source: IO[bytes], size: int) -> None:
        """Add a member of `size` bytes."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        hashed = Hashed(source)
        with refusing_os(self._path):
            self._tar.addfile(info, hashed)
        self._members[name] = {"sha256": hashed.sha256.hexdigest(), "size": size}

    def finish(self, manifest: Manifest) -> str:
        """Add the manifest, put the archive in its place, and return the archive's own SHA-256."""
        text = json.dumps(asdict(manifest) | {"members": self._members}, indent=1).encode()
        with refusing_os(self._path):
            self.add(MANIFEST, io.BytesIO(text), len(text))
            self._tar.close()
            self._file.flush()
            os.fsync(self._file.fileno())
            self._draft.replace(self._path)
            sync_folder(self._path.parent)
        self._finished = True
        return self._whole.sha256.hexdigest()


class Reader:
    """An archive whose every byte was found to be as its manifest says."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with _reading(path) as tar:
            self.manifest = _verified(tar)

    def extract(self, name: str, target: Path) -> None:
        """Write a member to a new file of ours alone, on disk when this returns. Raises Refusal."""
        with _reading(self._path) as tar, refusing_os(target):
            source = Hashed(_content(tar, tar.getmember(name)))
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                while block := source.read(_CHUNK):
                    out.write(block)
                out.flush()
                os.fsync(out.fileno())
        if source.sha256.hexdigest() != self.manifest.members[name]["sha256"]:
            raise Refusal(f"{name} changed while it was read; nothing was restored.")

    def extract_files(self, folder: Path) -> int:
        """Put the documents below a folder, each whole or not at all; those that are there already stay. How many."""
        for name in self.manifest.files():
            target = folder / name.removeprefix(FILES)
            if target.is_file() and target.stat().st_size == self.manifest.members[name]["size"]:
                continue
            with refusing_os(target):
                target.parent.mkdir(parents=True, exist_ok=True)
            draft = target.with_name(f"{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
            self.extract(name, draft)
            draft.replace(target)
        return len(self.manifest.files())


@contextlib.contextmanager
def refusing_os(path: Path) -> Iterator[None]:
    """A full disk or a missing permission is a sentence."""
    try:
        yield
    except OSError as error:
        raise Refusal(f"{path} cannot be used: {error.strerror or error}.") from error


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(path, "r:") as tar:
            yield tar
    except (tarfile.TarError, EOFError, UnicodeError, ValueError, OverflowError) as error:
        raise Refusal(f"{path} is no backup of Billhook, or is damaged ({error}).") from error
    except OSError as error:
        raise Refusal(f"{path} cannot be read: {error.strerror or error}.") from error


def _verified(tar: tarfile.TarFile) -> Manifest:
    found: dict[str, dict[str, Any]] = {}
    text = b""
    for member in tar:
        _refuse_strange(member)
        if member.name in found:
            raise Refusal(f"The archive holds {member.name} twice; nothing was restored.")
        source = Hashed(_content(tar, member))
        if member.name == MANIFEST:
            text = source.read(MOST_MANIFEST)
        while source.read(_CHUNK):
            pass
        found[member.name] = {"sha256": source.sha256.hexdigest(), "size": member.size}
    found.pop(MANIFEST, None)
    manifest = _parsed(text)
    for name in sorted(found.keys() | manifest.members.keys()):
        if found.get(name) != manifest.members.get(name):
            raise Refusal(f"{name[:200]} is not as the archive's manifest says; nothing was restored.")
    if DATABASES.get(manifest.database) not in found:
        raise Refusal("The archive holds no database; nothing was restored.")
    return manifest


def _refuse_strange(member: tarfile.TarInfo) -> None:
    """Only plain files, only names that a backup writes."""
    expected = member.name in {MANIFEST, SECRET, *DATABASES.values()} or member.name.startswith(FILES)
    parts = member.name.split("/")
    plain = all(_PART.fullmatch(part) and part not in {".", ".."} for part in parts)
    try:
        tarfile.data_filter(member, os.devnull)
    except tarfile.FilterError:
        plain = False
    if not (expected and plain and member.isreg()):
        raise Refusal(f"The archive holds {member.name[:200]!r}, which no backup writes; nothing was restored.")


def _parsed(text: bytes) -> Manifest:
    try:
        manifest = Manifest(**json.loads(text))
        sound = manifest.format == FORMAT and all(
            isinstance(part, dict) for part in (manifest.members, manifest.rows, manifest.revisions)
        )
    except (ValueError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise Refusal("The archive has no manifest that this Billhook can read; nothing was restored.")
    return manifest


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    source = tar.extractfile(member)
    if source is None:
        raise Refusal(f"{member.name} is no file; nothing was restored.")
    return source
