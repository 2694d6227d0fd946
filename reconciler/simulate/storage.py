"""How pools, volumes and exports behave: libvirt's storage driver and exportfs, refusals included.

What bites in reality bites here: a volume made through one host is not listed at the others until they refresh, a
refresh that fails deactivates the pool, and an unmounted target still is a directory that can be written to.
"""

from reconciler.desired.quantity import format_size
from reconciler.simulate import definition
from reconciler.simulate.machines import Directory, ExportLine, File, Hypervisor, Mount, NfsServer, Pool
from reconciler.simulate.refusal import Code, Refusal, failed, invalid
from reconciler.simulate.world import World

# --- exports ---------------------------------------------------------------------------


def write_export(world: World, server: NfsServer, file: str, lines: tuple[ExportLine, ...]) -> None:
    """Write one file of exports whole, make its directories, and put everything in force (exportfs -ra)."""
    for line in lines:
        server.dirs.setdefault(line.dir, Directory())
    if server.files.get(file) != lines:
        server.files[file] = lines
        world.tell(server.name, f"export/{file}", "written")
    put_in_force(world, server)


def remove_export(world: World, server: NfsServer, file: str) -> None:
    """Remove one file of exports, and take what it alone named out of force."""
    if server.files.pop(file, None) is not None:
        world.tell(server.name, f"export/{file}", "removed")
    put_in_force(world, server)


def put_in_force(world: World, server: NfsServer) -> None:
    """Read all files again (exportfs -ra); where two name one client, the last file wins."""
    served: dict[tuple[str, str], frozenset[str]] = {}
    for _, lines in sorted(server.files.items()):
        served.update({(line.dir, line.client): line.options for line in lines})
    for dir_, client in sorted(served.keys() ^ server.served.keys()):
        verb = "exported" if (dir_, client) in served else "withdrawn"
        world.tell(server.name, f"dir{dir_}", f"{verb} for {client}")
    server.served = served


# --- pools -----------------------------------------------------------------------------


def pool(hypervisor: Hypervisor, name: str) -> Pool:
    """The pool of that name. Raises: Refusal."""
    found = hypervisor.pools.get(name)
    if found is None:
        raise Refusal(Code.NO_STORAGE_POOL, f"Storage pool not found: no storage pool with matching name '{name}'")
    return found


def define_pool(world: World, hypervisor: Hypervisor, xml: str) -> None:
    words = definition.pool_words(xml)
    uuid = words.uuid or world.new_uuid()
    before = hypervisor.pools.get(words.name)
    if before and before.uuid != uuid:
        raise failed(f"pool '{words.name}' already exists with uuid {before.uuid}")
    for other in hypervisor.pools.values():
        if other.uuid == uuid and other.name != words.name:
            raise failed(f"pool '{other.name}' is already defined with uuid {uuid}")
        source, theirs = (words.source_host, words.source_dir), (other.source_host, other.source_dir)
        if other.name != words.name and words.source_dir and source == theirs:
            raise failed(f"Storage source conflict with pool: '{other.name}'")
    made = Pool(words.name, uuid, xml, words.type, words.source_host, words.source_dir, words.target)
    if before:
        made.active, made.listed = before.active, before.listed
    hypervisor.pools[words.name] = made
    world.tell(hypervisor.name, f"pool/{words.name}", "defined")


def undefine_pool(world: World, hypervisor: Hypervisor, name: str) -> None:
    if pool(hypervisor, name).active:
        raise invalid(f"storage pool '{name}' is still active")
    del hypervisor.pools[name]
    world.tell(hypervisor.name, f"pool/{name}", "undefined")


def build_pool(world: World, hypervisor: Hypervisor, name: str) -> None:
    found = pool(hypervisor, name)
    if found.active:
        raise invalid(f"storage pool '{name}' is already active")
    if found.target not in hypervisor.dirs:
        hypervisor.dirs[found.target] = Directory()
        world.tell(hypervisor.name, f"dir{found.target}", "made")


def start_pool(world: World, hypervisor: Hypervisor, name: str) -> None:
    found = pool(hypervisor, name)
    if found.active:
        raise invalid(f"storage pool '{name}' is already active")
    if found.target not in hypervisor.dirs:
        raise _mount_failed(f"mount point {found.target} does not exist")
    if found.type == "netfs":
        _mount(world, hypervisor, found)
    found.active = True
    found.listed = _names(world, hypervisor, found)
    world.tell(hypervisor.name, f"pool/{name}", "started")


def _mount(world: World, hypervisor: Hypervisor, found: Pool) -> None:
    mount, there = Mount(found.source_host, found.source_dir), hypervisor.mounts.get(found.target)
    server = world.server_named(found.source_host)
    if there == mount:
        return
    if server is None or not world.serves(server, hypervisor.name):
        raise _mount_failed("Connection timed out")
    if found.source_dir not in server.dirs:
        raise _mount_failed(f"mounting {mount} failed, reason given by server: No such file or directory")
    if not world.is_exported(server, found.source_dir, hypervisor.address):
        raise _mount_failed(f"access denied by server while mounting {mount}")
    hypervisor.mounts[found.target] = mount


def _mount_failed(cause: str) -> Refusal:
    said = f"internal error: Child process (mount) unexpected exit status 32: mount.nfs: {cause}"
    return Refusal(Code.INTERNAL_ERROR, said)


def _names(world: World, hypervisor: Hypervisor, found: Pool) -> set[str]:
    """What a listing of the directory gives: not what another client made a moment ago."""
    directory = world.directory(hypervisor, found.target)
    since = world.clock.now() - world.directory_cache_s
    files = directory.files.items() if directory else ()
    return {name for name, file in files if file.made_through in ("", hypervisor.name) or file.made_at <= since}


def refresh_pool(world: World, hypervisor: Hypervisor, name: str) -> None:
    """Read the directory again. Where that fails the pool is inactive afterwards, and a netfs pool unmounted."""
    found = pool(hypervisor, name)
    if not found.active:
        raise invalid(f"storage pool '{name}' is not active")
    try:
        listed = _names(world, hypervisor, found)
    except Refusal:
        _stop(world, hypervisor, found)
        raise
    if listed != found.listed:
        found.listed = listed
        world.tell(hypervisor.name, f"pool/{name}", "refreshed")


def stop_pool(world: World, hypervisor: Hypervisor, name: str) -> None:
    found = pool(hypervisor, name)
    if not found.active:
        raise invalid(f"storage pool '{name}' is not active")
    if found.type == "netfs" and holds_open(world, hypervisor, found.target):
        cause = f"umount: {found.target}: target is busy."
        raise Refusal(Code.INTERNAL_ERROR, f"internal error: Child process (umount) unexpected exit status 32: {cause}")
    _stop(world, hypervisor, found)


def _stop(world: World, hypervisor: Hypervisor, found: Pool) -> None:
    found.active, found.listed = False, set()
    if found.type == "netfs" and not holds_open(world, hypervisor, found.target):
        hypervisor.mounts.pop(found.target, None)
    world.tell(hypervisor.name, f"pool/{found.name}", "stopped")


def holds_open(world: World, hypervisor: Hypervisor, target: str) -> bool:
    """Whether a process at this host has a disk below `target` open."""
    for domain in hypervisor.domains.values():
        if domain.is_active and domain.live:
            paths = [path for path, _ in definition.needs(domain.live).disks]
            if any(path.startswith(f"{target}/") for path in paths):
                return True
    return False


# --- volumes -----------------------------------------------------------------------------


def create_volume(world: World, hypervisor: Hypervisor, pool_name: str, name: str, made: File) -> None:
    """Make a file that is not there yet. A raw one is made exclusively; of others this host's client must see that.

    Also against files that are not listed: libvirt asks for the file itself. But qemu-img overwrites what a client that
    has cached the directory does not see.
    """
    found = pool(hypervisor, pool_name)
    if not found.active:
        raise invalid(f"storage pool '{pool_name}' is not active")
    if name in found.listed:
        raise Refusal(Code.STORAGE_VOL_EXIST, f"storage volume '{name}' exists already")
    directory = _writable(world, hypervisor, found)
    if name in directory.files and (made.format == "raw" or name in _names(world, hypervisor, found)):
        raise Refusal(Code.SYSTEM_ERROR, f"cannot create path '{found.target}/{name}': File exists")
    if made.backing and world.file(hypervisor, made.backing) is None:
        raise Refusal(Code.SYSTEM_ERROR, f"cannot open backing file '{made.backing}': No such file or directory")
    made.made_through, made.made_at = hypervisor.name, world.clock.now()
    directory.files[name] = made
    found.listed.add(name)
    world.tell(hypervisor.name, f"volume/{pool_name}/{name}", "made")


def _writable(world: World, hypervisor: Hypervisor, found: Pool) -> Directory:
    directory = world.directory(hypervisor, found.target)
    if directory is None:
        raise Refusal(Code.SYSTEM_ERROR, f"cannot open path '{found.target}': No such file or directory")
    return directory


def begin_upload(world: World, hypervisor: Hypervisor, pool_name: str, name: str, made: File) -> File:
    """The volume that an upload writes into: a new one, or the half one that an earlier upload left."""
    found = pool(hypervisor, pool_name)
    if not found.active:
        raise invalid(f"storage pool '{pool_name}' is not active")
    directory = _writable(world, hypervisor, found)
    found.listed.add(name)
    if name in directory.files:
        return directory.files[name]
    directory.files[name] = made
    world.tell(hypervisor.name, f"volume/{pool_name}/{name}", "upload begun")
    return made


def end_upload(world: World, hypervisor: Hypervisor, pool_name: str, name: str, marker: str, content: str) -> None:
    """All bytes are there and their checksum is right; the marker is written last."""
    found = pool(hypervisor, pool_name)
    directory = _writable(world, hypervisor, found)
    file = directory.files.get(name)
    if file is None:
        raise Refusal(Code.NO_STORAGE_VOL, f"Storage volume not found: no storage vol with matching name '{name}'")
    file.complete, file.content = True, content
    if marker not in directory.files:
        directory.files[marker] = File(world.next_number(), 0, "raw")
        found.listed.add(marker)
        world.tell(hypervisor.name, f"volume/{pool_name}/{name}", "uploaded")


def delete_volume(world: World, hypervisor: Hypervisor, pool_name: str, name: str) -> None:
    """Unlink a file that this libvirtd lists; other hosts go on listing it until they refresh."""
    found = pool(hypervisor, pool_name)
    if not found.active:
        raise invalid(f"storage pool '{pool_name}' is not active")
    if name not in found.listed:
        raise Refusal(Code.NO_STORAGE_VOL, f"Storage volume not found: no storage vol with matching name '{name}'")
    if _writable(world, hypervisor, found).files.pop(name, None) is None:
        cause = f"cannot unlink file '{found.target}/{name}': No such file or directory"
        raise Refusal(Code.SYSTEM_ERROR, cause)
    found.listed.discard(name)
    world.tell(hypervisor.name, f"volume/{pool_name}/{name}", "deleted")


def grow(world: World, hypervisor: Hypervisor, pool_name: str, name: str, capacity: int) -> None:
    """Give a volume more room; less is refused."""
    file = world.file(hypervisor, f"{pool(hypervisor, pool_name).target}/{name}")
    if file is None:
        raise Refusal(Code.NO_STORAGE_VOL, f"Storage volume not found: no storage vol with matching name '{name}'")
    if file.capacity > capacity:
        raise invalid(f"{name} has {file.capacity} bytes already")
    if file.capacity != capacity:
        file.capacity = capacity
        world.tell(hypervisor.name, f"volume/{pool_name}/{name}", f"has {format_size(capacity)}")
