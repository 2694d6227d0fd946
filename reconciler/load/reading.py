"""One file's bytes to documents with models: pure, so that a daemon can keep the result by content."""

from collections.abc import MutableMapping
from dataclasses import dataclass
from hashlib import blake2b

from reconciler.desired.documents import Document
from reconciler.load.parse import Fault, Spot, Stream, Tree
from reconciler.load.shape import Complaint, shape
from reconciler.load.words import Path, at, quoted

MOST_COMPLAINTS = 10_000
"""Of one file; beyond these nothing is noted any more."""


@dataclass(frozen=True, slots=True)
class Written:
    """One document as it stands in a file; `model` is None where it is wrong by itself."""

    index: int
    line: int
    column: int
    kind: str
    name: str
    model: Document | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What one file says."""

    documents: tuple[Written, ...]
    faults: tuple[Fault, ...]
    nodes: int
    is_cut: bool
    """Whether it could not be read to its end, so that it may say more than we know."""


Cache = MutableMapping[bytes, Reading]
"""Readings by content. Give the same one to each `load`: it holds what the last load used, and nothing else."""


def reading(data: bytes, cache: Cache) -> tuple[bytes, Reading]:
    """The documents that `data` holds, and its key in the cache."""
    key = blake2b(data, digest_size=16).digest()
    found = cache.get(key)
    if found is None:
        found = cache[key] = _read(data)
    return key, found


def _read(data: bytes) -> Reading:
    stream = Stream(data)
    documents: list[Written] = []
    complaints: list[tuple[int, Complaint]] = []
    for index, tree in enumerate(stream):
        model, wrong = shape(tree.value)
        documents.append(_written(index, tree, model))
        if len(complaints) < MOST_COMPLAINTS:
            complaints.extend((index, complaint) for complaint in wrong)
    faults = (*stream.faults, *located(data, complaints)) if complaints else stream.faults
    return Reading(tuple(documents), faults, stream.nodes, stream.is_cut)


def _written(index: int, tree: Tree, model: Document | None) -> Written:
    kind, name = "", ""
    if model is not None:
        kind, name = model.kind, model.name  # type: ignore[attr-defined]
    elif isinstance(tree.value, dict):
        metadata = tree.value.get("metadata")
        kind = str(tree.value.get("kind", ""))
        name = str(metadata.get("name", "")) if isinstance(metadata, dict) else ""
    return Written(index, tree.line, tree.column, kind, name, model)


def located(data: bytes, complaints: list[tuple[int, Complaint]]) -> tuple[Fault, ...]:
    """Complaints with their places; parses the file once more, now keeping positions."""
    by_tree: dict[int, list[int]] = {}
    for position, (index, _) in enumerate(complaints):
        by_tree.setdefault(index, []).append(position)
    faults: dict[int, Fault] = {}
    for index, tree in enumerate(Stream(data, spots=by_tree)):
        faults.update((position, _fault(tree, complaints[position][1])) for position in by_tree.get(index, ()))
    return tuple(faults[position] for position in range(len(complaints)))


def _fault(tree: Tree, complaint: Complaint) -> Fault:
    spot = spot_of(tree, complaint.path, of_key=complaint.of_key)
    line, column = (spot.line, spot.column) if spot else (tree.line, tree.column)
    message = complaint.message
    if complaint.quote and spot and spot.text is not None:
        message = f"{quoted(spot.text)} {message}"
    return Fault(line, column, at(complaint.path, message), hint=complaint.hint)


def spot_of(tree: Tree, path: Path, *, of_key: bool = False) -> Spot | None:
    """Where the value at `path` stands, or the nearest thing around it that was written."""
    spot = tree.spot
    for depth, part in enumerate(path):
        if spot is None or part not in spot.children:
            break
        if of_key and depth == len(path) - 1:
            return spot.keys.get(str(part), spot)
        spot = spot.children[part]
    return spot
