"""All documents side by side, and the problems found between them."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from reconciler.desired import Desired
from reconciler.desired.documents import (
    Cluster,
    Document,
    Domain,
    Host,
    HostSelector,
    LabelSelector,
    Network,
    Pool,
    State,
)
from reconciler.desired.secrets import SecretValue
from reconciler.desired.seed import Seed
from reconciler.errors import Problem
from reconciler.load.files import Files
from reconciler.load.parse import Fault
from reconciler.load.reading import Reading, located
from reconciler.load.shape import Complaint
from reconciler.load.words import Hint, Path


@dataclass(frozen=True, slots=True)
class Entry:
    """One document and where it stands; `number` is its file's place in the list of files."""

    number: int
    index: int
    file: str
    line: int
    column: int
    kind: str
    name: str
    model: Document | None


At = tuple[Entry, Path]
"""A field of a document."""

DocumentT = TypeVar("DocumentT", bound=Document)

MOST_COMPLAINTS = 10_000
"""Beyond these nothing is noted any more: hostile documents could make millions."""

_NAMED = re.compile(rb"name:[ ]*[\"']?([A-Za-z0-9._-]+)")


def _names_in(texts: Iterable[bytes]) -> frozenset[str]:
    """What files that cannot be read to their end seem to define: a reference to it is not called dangling."""
    return frozenset(name.decode() for text in texts for name in _NAMED.findall(text))


class World:
    """The documents, and a list that problems are added to."""

    def __init__(
        self,
        files: Files,
        readings: tuple[Reading, ...],
        image_roots: tuple[str, ...],
        secret_roots: tuple[str, ...] = (),
    ) -> None:
        self._files = files
        self.complaints: list[tuple[Entry, Complaint, At | None]] = []
        """What is wrong with which document, and the other place of a clash."""
        self._names: dict[str, tuple[str, ...]] = {}
        self.root = files.root
        self.image_roots = (files.root, *image_roots)
        self.secret_roots = (files.root, *secret_roots)
        self.warnings = list(files.warnings)
        self.seeds: dict[str, Seed] = {}
        self.image_paths: dict[tuple[str, str], str] = {}
        self.passwords: dict[str, SecretValue] = {}
        """Of domains, with absolute paths, by the domain's name."""
        self.entries = tuple(
            Entry(number, found.index, source.file, found.line, found.column, found.kind, found.name, found.model)
            for number, (source, one) in enumerate(zip(files.sources, readings, strict=True))
            for found in one.documents
        )
        self._broken_names = _names_in(
            source.data for source, one in zip(files.sources, readings, strict=True) if one.is_cut
        )
        self.by_kind: dict[str, dict[str, Entry]] = defaultdict(dict)
        for entry in self.entries:
            self.by_kind[entry.kind].setdefault(entry.name, entry)
        self.desired = self._as_desired()
        self.hypervisors = self.desired.hypervisors
        self._all = frozenset(self.hypervisors)
        self._labelled = self._by_label()

    def _by_label(self) -> dict[tuple[str, str], frozenset[str]]:
        found: dict[tuple[str, str], set[str]] = defaultdict(set)
        for name, host in self.hypervisors.items():
            for label in host.labels.items():
                found[label].add(name)
        return {label: frozenset(names) for label, names in found.items()}

    def _as_desired(self) -> Desired:
        clusters = self._models("Cluster", Cluster)
        return Desired(
            cluster=next(iter(clusters.values()), None),
            hosts=self._models("Host", Host),
            pools=self._models("Pool", Pool),
            networks=self._models("Network", Network),
            domains=self._models("Domain", Domain),
        )

    def _models(self, kind: str, model: type[DocumentT]) -> Mapping[str, DocumentT]:
        found = {name: entry.model for name, entry in sorted(self.by_kind[kind].items())}
        return {name: one for name, one in found.items() if isinstance(one, model)}

    # --- adding problems ---------------------------------------------------

    def complain(
        self,
        where: At,
        message: str,
        *,
        first: At | None = None,
        of_key: bool = False,
        quote: bool = True,
        hint: Hint | None = None,
    ) -> None:
        """Say that the field at `where` is wrong; `first` is the other place of a clash."""
        if len(self.complaints) < MOST_COMPLAINTS:
            complaint = Complaint(where[1], message, of_key, quote and not of_key, hint)
            self.complaints.append((where[0], complaint, first))

    def problems(self) -> list[tuple[Problem, Hint | None]]:
        """All that was complained about, with places. Parses the files concerned once more."""
        faults = self._located([(entry, complaint) for entry, complaint, _ in self.complaints])
        firsts = self._located([(first[0], Complaint(first[1], "")) for *_, first in self.complaints if first])
        remaining = iter(firsts)
        problems = []
        for (entry, _, first), fault in zip(self.complaints, faults, strict=True):
            other = next(remaining) if first else None
            tail = f"; first at {first[0].file}:{other.line}:{other.column}" if first and other else ""
            problems.append((Problem(entry.file, fault.line, fault.column, fault.message + tail), fault.hint))
        return problems

    def _located(self, wanted: list[tuple[Entry, Complaint]]) -> list[Fault]:
        """The complaints' faults, in the same order."""
        by_file: dict[int, list[int]] = defaultdict(list)
        for position, (entry, _) in enumerate(wanted):
            by_file[entry.number].append(position)
        faults: dict[int, Fault] = {}
        for number, positions in by_file.items():
            complaints = [(wanted[position][0].index, wanted[position][1]) for position in positions]
            faults.update(zip(positions, located(self._files.sources[number].data, complaints), strict=True))
        return [faults[position] for position in range(len(wanted))]

    # --- questions ---------------------------------------------------------

    def of(self, model: type[DocumentT]) -> list[tuple[Entry, DocumentT]]:
        """Every valid document of a kind, the first of each name, sorted by name."""
        entries = sorted(self.by_kind[model.__name__].items())
        return [(entry, entry.model) for _, entry in entries if isinstance(entry.model, model)]

    def selected(self, selector: HostSelector) -> frozenset[str]:
        """The hypervisors that a selector means."""
        if isinstance(selector, LabelSelector):
            found = self._all
            for label in selector.match_labels.items():
                found &= self._labelled.get(label, frozenset())
            return found
        return self._all if selector == "all" else self._all.intersection(selector)

    def refer(self, where: At, kind: str, name: str) -> Document | None:
        """The document that the field at `where` names; complains when there is none, or it shall go."""
        target = self.by_kind[kind].get(name)
        if target is None:
            if name not in self._broken_names:
                self.complain(where, f"names no {kind} document", hint=self.hint(name, kind))
            return None
        if getattr(getattr(target.model, "spec", None), "state", None) is State.ABSENT:
            self.complain(where, f"names a {kind} whose state is absent", first=(target, ("spec", "state")))
            return None
        return target.model

    def hint(self, name: str, kind: str) -> Hint:
        """A way out for a name that no document of `kind` has."""
        if kind not in self._names:
            self._names[kind] = tuple(self.by_kind[kind])
        return Hint(name, self._names[kind])

    def real_file(self, entry: Entry) -> str:
        """The absolute real path of the file that a document stands in."""
        return self._files.sources[entry.number].real

    @cached_property
    def knows_hosts(self) -> bool:
        """Whether every Host document could be read, so that what a selector means is certain."""
        return not self._broken_names and all(entry.model for entry in self.by_kind["Host"].values())

    def domains_with_secrets(self) -> Mapping[str, Domain]:
        """The domains, with absolute paths in place of what the documents say of their secrets."""
        domains = dict(self.desired.domains)
        for name, password in self.passwords.items():
            spec = domains[name].spec
            assert spec.graphics is not None
            graphics = spec.graphics.model_copy(update={"password": password})
            domains[name] = domains[name].model_copy(update={"spec": spec.model_copy(update={"graphics": graphics})})
        return domains

    def pools_with_images(self) -> Mapping[str, Pool]:
        """The pools, with each image's absolute real path in place of what the document says."""
        pools = dict(self.desired.pools)
        for name in {name for name, _ in self.image_paths}:
            spec = pools[name].spec
            images = tuple(
                image.model_copy(update={"from_": self.image_paths[name, image.name]}) for image in spec.images
            )
            pools[name] = pools[name].model_copy(update={"spec": spec.model_copy(update={"images": images})})
        return pools
