"""A copy of a case's documents that a story can edit, as a person does in an editor."""

import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from reconciler.desired import Desired
from reconciler.load import load

CLOUDS = Path(__file__).parent


def plain(path: Path) -> Any:
    """The data of a YAML file that is not a document of ours (cluster.yaml); empty where there is none."""
    return (YAML(typ="safe").load(path) or {}) if path.exists() else {}


def _round_trip() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    return yaml


class Documents:
    """A directory of documents: a case's own desired.yaml, or else one that stands beside the cases."""

    def __init__(self, case: Path, room: Path, shared: str = "small-cloud.yaml") -> None:
        self.case = case
        self.dir = room / "desired"
        self.dir.mkdir()
        own = case / "desired.yaml"
        shutil.copy(own if own.exists() else CLOUDS / shared, self.dir / "desired.yaml")
        for image in (*case.glob("*.qcow2"), *case.glob("*.iso")):
            shutil.copy(image, self.dir)

    def load(self) -> Desired:
        return load(self.dir)

    def add(self, name: str) -> None:
        """Copy a file of the case beside the documents."""
        shutil.copy(self.case / name, self.dir)

    def edit(self, ref: str, path: str, value: Any) -> None:
        """Set a field of one document; `value` None removes it."""
        file, stream, document = self._find(ref)
        *parents, last = path.split(".")
        owner = document
        for key in parents:
            owner = owner.setdefault(key, {})
        if value is None:
            owner.pop(last, None)
        else:
            owner[last] = value
        self._write(file, stream)

    def remove(self, ref: str) -> None:
        """Delete one document."""
        file, stream, document = self._find(ref)
        self._write(file, [other for other in stream if other is not document])

    def _find(self, ref: str) -> tuple[Path, list[Any], Any]:
        kind, _, name = ref.partition("/")
        for file in sorted(self.dir.rglob("*.yaml")):
            stream = list(_round_trip().load_all(file))
            for document in stream:
                if document["kind"].lower() == kind and document["metadata"]["name"] == name:
                    return file, stream, document
        raise LookupError(ref)

    def _write(self, file: Path, stream: list[Any]) -> None:
        with file.open("w") as text:
            _round_trip().dump_all(stream, text)
