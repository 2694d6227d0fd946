"""A directory to `Desired`: read, parse, check each document, check all together."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from reconciler.desired import Desired, Place, Ref
from reconciler.errors import DesiredStateError, Problem
from reconciler.load import words
from reconciler.load.checks import World, check
from reconciler.load.files import Files, Source, read
from reconciler.load.parse import Fault
from reconciler.load.reading import Cache, Reading, reading

MOST_NODES = 1_000_000
"""Values in all documents together: some fifteen thousand domains."""

MOST_PROBLEMS = 10_000
"""Where so much is wrong, the rest is not looked at."""
MOST_HINTED = 200
"""Searching for the nearest name is slow; twice what is ever shown."""

_TOO_MUCH = Reading((), (Fault(1, 1, "is not read: the documents before it are too many"),), 0, True)
_NOT_READ = Reading((), (), 0, True)

Found = tuple[Problem, words.Hint | None]


def load(
    directory: Path,
    *,
    cache: Cache | None = None,
    image_roots: Sequence[Path] = (),
    secret_roots: Sequence[Path] = (),
) -> Desired:
    """Read every document below `directory`, checked by itself and with the others.

    `cache` keeps what files say by their content, for a process that loads again and again. `image_roots` are
    directories beside `directory` from which the operator lets images come, `secret_roots` the same for secrets.
    Raises: DesiredStateError with all problems, sorted. Source: law 6.
    """
    return load_files(read(directory), cache=cache, image_roots=image_roots, secret_roots=secret_roots)


def load_files(
    files: Files,
    *,
    cache: Cache | None = None,
    image_roots: Sequence[Path] = (),
    secret_roots: Sequence[Path] = (),
) -> Desired:
    """As `load`, from files that were read already."""
    readings = _readings(files, {} if cache is None else cache)
    world = World(files, readings, real_paths(image_roots), real_paths(secret_roots))
    found: list[Found] = [(problem, None) for problem in files.problems]
    found += _faults(files, readings)
    if not any(one.documents for one in readings) and not found:
        found.append((Problem(files.name, 1, 1, "holds no documents (files that end in .yaml or .yml)"), None))
    found.extend(check(world))
    if found:
        raise DesiredStateError(_problems(found))
    return _desired(world)


def real_paths(roots: Sequence[Path]) -> tuple[str, ...]:
    """Directories as they are compared."""
    return tuple(str(root.resolve()) for root in roots)


def _problems(found: list[Found]) -> tuple[Problem, ...]:
    """The problems in order, with hints where somebody will read them."""
    found.sort(key=lambda one: (one[0].file, one[0].line, one[0].column, one[0].message))
    problems: list[Problem] = []
    for problem, hint in found[:MOST_PROBLEMS]:
        way_out = words.way_out(hint) if hint and len(problems) < MOST_HINTED else ""
        problems.append(replace(problem, message=problem.message + way_out) if way_out else problem)
    if len(found) > MOST_PROBLEMS:
        problems.append(Problem(".", 1, 1, f"there are more than {MOST_PROBLEMS} problems; not all are looked for"))
    return tuple(problems)


def _readings(files: Files, cache: Cache) -> tuple[Reading, ...]:
    """What each file says; the cache forgets what no file says any more."""
    found: list[tuple[bytes, Reading]] = []
    nodes = problems = 0
    for source in files.sources:
        if nodes > MOST_NODES or problems > MOST_PROBLEMS:
            found.append((b"", _TOO_MUCH if nodes > MOST_NODES else _NOT_READ))
            continue
        found.append(reading(source.data, cache))
        nodes += found[-1][1].nodes
        problems += len(found[-1][1].faults)
    used = {key for key, _ in found}
    for key in [key for key in cache if key not in used]:
        del cache[key]
    return tuple(one for _, one in found)


def _faults(files: Files, readings: tuple[Reading, ...]) -> list[Found]:
    return [
        (_problem(source, fault), fault.hint)
        for source, found in zip(files.sources, readings, strict=True)
        for fault in found.faults
    ]


def _problem(source: Source, fault: Fault) -> Problem:
    first = f"; first at {source.file}:{fault.first[0]}:{fault.first[1]}" if fault.first else ""
    return Problem(source.file, fault.line, fault.column, fault.message + first)


def _desired(world: World) -> Desired:
    places = {
        Ref(entry.kind.lower(), entry.name): Place(entry.file, entry.line, entry.column) for entry in world.entries
    }
    desired = world.desired
    return Desired(
        cluster=desired.cluster,
        hosts=desired.hosts,
        pools=world.pools_with_images(),
        networks=desired.networks,
        domains=world.domains_with_secrets(),
        seeds=dict(sorted(world.seeds.items())),
        places=dict(sorted(places.items())),
        directory=world.root,
        secret_roots=world.secret_roots[1:],
        warnings=tuple(sorted(world.warnings)),
    )
