"""Base images: files that are there, below the documents' directory, and nothing but files.

None is opened here, and nothing is fetched.
"""

import os
import stat

from reconciler.desired.documents import Image, Pool, State
from reconciler.load.checks.world import At, Entry, World
from reconciler.load.files import is_below, kind_of


def check(world: World) -> None:
    """Complain about images that cannot be read; note where the others lie."""
    for entry, pool in world.of(Pool):
        seen: dict[str, At] = {}
        for index, image in enumerate(pool.spec.images):
            where = (entry, ("spec", "images", index, "name"))
            first = seen.setdefault(image.name, where)
            if first is not where:
                world.complain(where, "is a name twice among images", first=first)
            if pool.spec.state is State.PRESENT and "://" not in image.from_:
                _file(world, (entry, ("spec", "images", index, "from")), entry, image)


def _file(world: World, where: At, entry: Entry, image: Image) -> None:
    folder = os.path.dirname(world.real_file(entry))
    path = os.path.normpath(os.path.join(folder, image.from_))
    if not any(is_below(path, root) for root in world.image_roots):
        world.complain(where, "lies outside of the documents' directory; allow its directory with --image-root")
        return
    try:
        real = os.path.realpath(path, strict=True)
        mode = os.stat(real).st_mode
    except FileNotFoundError:
        world.complain(where, "does not exist")
        return
    except OSError as error:
        world.complain(where, f"cannot be read: {(error.strerror or str(error)).lower()}")
        return
    if not any(is_below(real, root) for root in world.image_roots):
        world.complain(where, "is a link that leaves the documents' directory")
    elif not stat.S_ISREG(mode):
        world.complain(where, f"is {kind_of(mode)}, not a file")
    else:
        world.image_paths[entry.name, image.name] = real
