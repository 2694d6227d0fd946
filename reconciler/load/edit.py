"""Changing one token of one document, and nothing else of the file: comments, quotes, line ends and mode stay.

A round trip through a YAML library would rewrite the whole file; so the token is replaced where it stands.
"""

import os
import re
import stat
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.desired import Desired, Ref
from reconciler.errors import ReconcilerError, UsageError
from reconciler.load import words
from reconciler.load.files import Files, Source, read
from reconciler.load.loading import load_files
from reconciler.load.parse import MOST_NODES, Spot, Stream, Tree

CORDONED = ("spec", "cordoned")


@dataclass(frozen=True)
class Location:
    """Where a field stands, or would stand; line and column from 1, offsets in characters from the file's start.

    `text` is None where the field is not set: then `start` is where it can be inserted, with `indent` spaces before it
    in block style, inside the braces in flow style.
    """

    file: str
    line: int
    column: int
    end_column: int
    start: int
    end: int
    text: str | None
    is_flow: bool
    indent: int
    is_shared: bool
    """Whether an anchor or alias ties it to other places, so that it cannot be changed alone."""


def locate(directory: Path, ref: Ref, path: words.Path) -> Location:
    """Find the field `path` of the document that `ref` names.

    Raises: DesiredStateError where the documents are invalid, UsageError where there is no such document,
    ReconcilerError where the field can only be set by hand.
    """
    files = read(directory)
    desired = load_files(files)
    return _location(*_find(files, desired, ref), path)


def set_cordoned(directory: Path, host: str, value: bool) -> Path:
    """Write `spec.cordoned: <value>` into the Host document; the file's path. Does nothing where it says so already.

    Raises: as `locate`; nothing is written unless the result is valid and says nothing else anew.
    """
    files = read(directory)
    desired = load_files(files)
    source, tree = _find(files, desired, Ref("host", host))
    path = directory / source.name
    if desired.hosts[host].spec.hypervisor is None:
        raise UsageError(f"cannot cordon host/{host}: it is no hypervisor, no domain runs there")
    if desired.hosts[host].spec.cordoned is value:
        return path
    _refuse_links(files.root, source)
    changed = _changed(source, _location(source, tree, CORDONED), "true" if value else "false")
    _check(files, source, changed, desired, host, value=value)
    _replace(source, changed)
    return path


def _find(files: Files, desired: Desired, ref: Ref) -> tuple[Source, Tree]:
    """The file and the tree of the document that `ref` names."""
    place = desired.places.get(Ref(ref.kind, ref.name))
    if place is None:
        names = tuple(known.name for known in desired.places if known.kind == ref.kind)
        way_out = words.way_out(words.Hint(ref.name, names))
        raise UsageError(f"there is no {Ref(ref.kind, ref.name)} in the documents{way_out}")
    source = next(source for source in files.sources if source.file == place.file)
    for tree in Stream(source.data, spots=range(MOST_NODES)):
        if (tree.line, tree.column) == (place.line, place.column):
            return source, tree
    raise AssertionError(f"{place} holds no document")


def _location(source: Source, tree: Tree, path: words.Path) -> Location:
    *above, last = path
    spot, key = tree.spot, None
    for part in above:
        key = spot.keys.get(str(part)) if spot else None
        spot = spot.children.get(part) if spot else None
    if spot is None or spot.text is not None:
        raise ReconcilerError(f"cannot find {words.field(tuple(above))} in {source.file}; edit it by hand")
    offset = 1 if source.data.startswith(b"\xef\xbb\xbf") else 0
    own = _own(spot)
    if last in own:
        found = own[str(last)]
        length = found.end - found.start
        return Location(
            source.file, found.line, found.column, found.column + length, found.start + offset, found.end + offset,
            found.text, is_flow=spot.flow, indent=spot.column - 1, is_shared=found.shared,
        )  # fmt: skip
    return _insertion(source, key, spot, own, offset)


def _own(mapping: Spot) -> dict[str, Spot]:
    """The values that stand in the mapping itself, without what `<<` brings."""
    return {
        str(key): spot
        for key, spot in mapping.children.items()
        if mapping.start <= mapping.keys[str(key)].start < mapping.end
    }


def _insertion(source: Source, key: Spot | None, mapping: Spot, own: dict[str, Spot], offset: int) -> Location:
    """Where a new entry of `mapping`, the value of `key`, goes: it becomes the first."""
    if not own:
        raise ReconcilerError(f"cannot insert a field at {source.file}:{mapping.line}; edit it by hand")
    first = min((mapping.keys[name] for name in own), key=lambda spot: spot.start)
    start, line = first.start, first.line
    if not mapping.flow:
        start -= first.column - 1
        if key and key.line < first.line:  # above what is said about the first key
            start, line = _after_line(source.data.decode().removeprefix("\ufeff"), key.start), key.line + 1
    return Location(
        source.file, line, first.column, first.column, start + offset, start + offset,
        None, is_flow=mapping.flow, indent=first.column - 1, is_shared=mapping.shared,
    )  # fmt: skip


def _after_line(text: str, position: int) -> int:
    """Where the line after the one at `position` begins."""
    match = re.compile(r"\r\n|\r|\n").search(text, position)
    return match.end() if match else len(text)


def _changed(source: Source, where: Location, value: str) -> bytes:
    """The file's bytes with the field set to `value`."""
    text = source.data.decode()
    if where.is_shared or (where.text is not None and text[where.start : where.end] != where.text):
        raise ReconcilerError(f"cannot change {source.file}:{where.line} alone; edit it by hand")
    if where.text is not None:
        return (text[: where.start] + value + text[where.end :]).encode()
    if where.is_flow:
        return f"{text[: where.start]}cordoned: {value}, {text[where.start :]}".encode()
    before, after = text[: where.start], text[where.start :]
    return f"{before}{' ' * where.indent}cordoned: {value}{_line_end(text)}{after}".encode()


def _line_end(text: str) -> str:
    """How the file ends its lines."""
    if "\r\n" in text:
        return "\r\n"
    return "\r" if "\r" in text and "\n" not in text else "\n"


def _check(files: Files, source: Source, changed: bytes, before: Desired, host: str, *, value: bool) -> None:
    """Refuse a change that makes the documents invalid, or says more than that one field. Raises: DesiredStateError."""
    sources = [replace(one, data=changed) if one is source else one for one in files.sources]
    after = load_files(replace(files, sources=sources))
    wanted, found = _dump(before), _dump(after)
    wanted["hosts"][host]["spec"]["cordoned"] = value
    if wanted != found:
        raise ReconcilerError(f"cannot change {source.file} alone: other documents share that line; edit it by hand")


def _dump(desired: Desired) -> dict[str, dict[str, Any]]:
    """What the documents say, as plain values."""
    cluster = {"": desired.cluster} if desired.cluster else {}
    kinds = {
        "cluster": cluster, "hosts": desired.hosts, "pools": desired.pools,
        "networks": desired.networks, "domains": desired.domains,
    }  # fmt: skip
    return {kind: {name: one.model_dump() for name, one in documents.items()} for kind, documents in kinds.items()}


def _refuse_links(root: str, source: Source) -> None:
    """A link is left alone: a rename would put a file in its place."""
    name = os.path.join(root, source.name)
    if os.path.realpath(name) != name or source.real != name:
        raise ReconcilerError(f"cannot edit {source.file}: it is a link to {words.quoted(source.real)}; edit that file")
    if os.stat(name).st_nlink > 1:
        raise ReconcilerError(f"cannot edit {source.file}: the file has more than one name; edit it by hand")


def _replace(source: Source, changed: bytes) -> None:
    """Put the new content in the file's place, at once: a reader sees the old or the new, never a part."""
    from tempfile import mkstemp  # only an edit pays for it

    beside = ""
    try:
        found = os.lstat(source.real)
        handle, beside = mkstemp(prefix=".", suffix=".tmp", dir=os.path.dirname(source.real))
        with os.fdopen(handle, "wb") as file:
            file.write(changed)
            file.flush()
            if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(handle, found.st_uid, found.st_gid)
            os.fchmod(handle, stat.S_IMODE(found.st_mode))
            os.fsync(handle)
        if Path(source.real).read_bytes() != source.data:
            raise ReconcilerError(f"cannot edit {source.file}: somebody else changed it meanwhile; try again")
        os.rename(beside, source.real)
        beside = ""
    except OSError as error:
        raise ReconcilerError(f"cannot write {source.file}: {(error.strerror or str(error)).lower()}") from None
    finally:
        if beside:
            os.unlink(beside)
