"""Documents that are not written yet: would they be valid beside those that are there?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.desired import Desired
from reconciler.load.checks import World, look_through
from reconciler.load.files import Files, Source, read
from reconciler.load.loading import load_files, real_paths
from reconciler.load.reading import Reading, Written, reading
from reconciler.load.shape import shape
from reconciler.load.words import Path as FieldPath

Draft = Mapping[str, Any]
"""A document as plain data, in YAML's words."""


@dataclass(frozen=True, slots=True)
class Objection:
    """What is wrong with a draft (its place in the sequence) at `path`."""

    draft: int
    path: FieldPath
    message: str


class Documents:
    """The directory's documents, read once, and valid. Raises: DesiredStateError where they are not."""

    def __init__(self, directory: Path, image_roots: Sequence[Path] = (), secret_roots: Sequence[Path] = ()) -> None:
        self._files: Files = read(directory)
        self._roots = real_paths(image_roots), real_paths(secret_roots)
        self.desired: Desired = load_files(self._files, image_roots=image_roots, secret_roots=secret_roots)

    def objections(self, drafts: Sequence[Draft]) -> tuple[Objection, ...]:
        """What is wrong with `drafts` beside the documents; where two clash, the draft is the one that is wrong."""
        shaped = [shape(draft) for draft in drafts]
        wrong = [
            Objection(number, complaint.path, complaint.message)
            for number, (_, complaints) in enumerate(shaped)
            for complaint in complaints
        ]
        if wrong:
            return tuple(wrong)
        written = (Written(0, 1, 1, model.kind, model.name, model) for model, _ in shaped if model)  # type: ignore[attr-defined]
        return self._clashes([Reading((one,), (), 0, False) for one in written])

    def _clashes(self, drafts: list[Reading]) -> tuple[Objection, ...]:
        there = [reading(source.data, {})[1] for source in self._files.sources]
        sources = [Source(f"({number})", "(draft)", self._files.root, b"") for number in range(len(drafts))]
        files = replace(self._files, sources=[*self._files.sources, *sources])
        world = World(files, (*there, *drafts), *self._roots)
        look_through(world)
        found = []
        for entry, complaint, first in world.complaints:
            spots = [at for at in ((entry, complaint.path), first) if at and at[0].number >= len(there)]
            found += [Objection(entry.number - len(there), path, complaint.message) for entry, path in spots[:1]]
        return tuple(found)
