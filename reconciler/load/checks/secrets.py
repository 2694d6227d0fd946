"""Secrets: one source each, which is named and never looked at."""

import os
import re

from reconciler.desired import rules
from reconciler.desired.documents import Domain
from reconciler.desired.secrets import SecretSource
from reconciler.load.checks.world import At, World
from reconciler.load.files import is_below


def check(world: World) -> None:
    """Complain about secrets that cannot be fetched; note where the files of the others lie."""
    for entry, domain in world.of(Domain):
        graphics = domain.spec.graphics
        if graphics is None or graphics.password is None:
            continue
        where = (entry, ("spec", "graphics", "password", "valueFrom"))
        source = _checked(world, where, graphics.password.value_from)
        if source is not None:
            world.passwords[domain.name] = graphics.password.model_copy(update={"value_from": source})


def _checked(world: World, where: At, source: SecretSource) -> SecretSource | None:
    """The source with an absolute path; None where something is wrong with it."""
    said = [name for name in SecretSource.model_fields if getattr(source, name) is not None]
    if len(said) != 1:
        _refuse(world, where, "needs one of file, env, credential and command")
        return None
    here = (where[0], (*where[1], said[0]))
    folder = os.path.dirname(world.real_file(where[0]))
    if source.file is not None:
        return _file(world, here, folder, source)
    if source.command is not None:
        return _command(world, here, folder, source)
    if source.env is not None and not re.fullmatch(rules.VARIABLE, source.env):
        _refuse(world, here, "is no name of an environment variable; use letters, digits and '_'")
        return None
    if source.credential is not None and not rules.NAME.fullmatch(source.credential):
        _refuse(world, here, "is no name of a credential; use letters, digits, '.', '_' and '-'")
        return None
    return source


def _file(world: World, where: At, folder: str, source: SecretSource) -> SecretSource | None:
    """By its path alone: whether it is there, and a file, shows when it is read."""
    assert source.file is not None
    path = os.path.normpath(os.path.join(folder, source.file))
    if not source.file or "\0" in source.file or source.file.endswith("/"):
        _refuse(world, where, "is no path of a file")
    elif not any(is_below(path, root) for root in world.secret_roots):
        _refuse(world, where, "lies outside of the documents' directory; allow its directory with --secret-root")
    else:
        return source.model_copy(update={"file": path})
    return None


def _command(world: World, where: At, folder: str, source: SecretSource) -> SecretSource | None:
    """A program by its name is looked for in PATH, by a path from its document."""
    words = source.command or ()
    if not words or not words[0] or any("\0" in word for word in words):
        _refuse(world, where, "is no command; write a list: [program, argument]")
        return None
    program = os.path.normpath(os.path.join(folder, words[0])) if "/" in words[0] else words[0]
    return source.model_copy(update={"command": (program, *words[1:])})


def _refuse(world: World, where: At, message: str) -> None:
    """Without the value: who got the field wrong may have written the secret there."""
    world.complain(where, message, quote=False)
