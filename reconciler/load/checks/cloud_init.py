"""cloud-init's user data: one source, and cloud-config. The content is never shown."""

import os
import stat

from reconciler.desired.documents import CloudInit, Domain
from reconciler.load.checks.world import At, Entry, World
from reconciler.load.files import is_below, kind_of
from reconciler.load.parse import Stream

HEADER = "#cloud-config"


def check_cloud_init(world: World, entry: Entry, domain: Domain) -> None:
    """Complain about user data that cloud-init would not take."""
    init = domain.spec.cloud_init
    if init is None:
        return
    where = (entry, ("spec", "cloudInit"))
    sources = [init.user_data, init.user_data_from]
    if sources.count(None) != 1:
        world.complain(where, "needs one of userData and userDataFrom")
    if init.user_data is not None:
        _cloud_config(world, (entry, (*where[1], "userData")), init.user_data)
    if init.user_data_from is not None:
        _file(world, (entry, (*where[1], "userDataFrom", "file")), init)


def _cloud_config(world: World, where: At, text: str) -> None:
    if text.split("\n", 1)[0].strip() != HEADER:
        world.complain(where, f'must begin with a line "{HEADER}"', quote=False)
        return
    stream = Stream(text.encode())
    found = list(stream)
    if stream.faults:
        world.complain(where, f"is not YAML in its line {stream.faults[0].line}", quote=False)
    elif len(found) > 1 or any(not isinstance(tree.value, dict) for tree in found):
        world.complain(where, "is not one mapping, as cloud-config is", quote=False)


def _file(world: World, where: At, init: CloudInit) -> None:
    assert init.user_data_from is not None
    folder = os.path.dirname(world.real_file(where[0]))
    path = os.path.normpath(os.path.join(folder, init.user_data_from.file))
    try:
        real = os.path.realpath(path, strict=True)
        mode = os.stat(real).st_mode
    except (OSError, ValueError):
        real, mode = path, 0
    if not is_below(path, world.root) or not is_below(real, world.root):
        world.complain(where, "lies outside of the documents' directory")
    elif not mode:
        world.complain(where, "does not exist")
    elif not stat.S_ISREG(mode):
        world.complain(where, f"is {kind_of(mode)}, not a file")
