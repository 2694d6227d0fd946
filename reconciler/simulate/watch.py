"""Checkers of the laws. They read the world itself, never what an edge or a stage makes of it.

What people do may break any of this, and is no violation; only our doing counts.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.action import (
    Action,
    CreateVolume,
    DefineDomain,
    DeleteVolume,
    DestroyHusk,
    DomainAction,
    GrowVolume,
    MigrateDomain,
    ResumeDomain,
    StartDomain,
    UndefineDomain,
    UndefineNetwork,
    UndefinePool,
)
from reconciler.desired import Desired
from reconciler.desired.derive import copying_note, object_uuid, volume_name
from reconciler.desired.documents import Document, OnChange, OnDrain, OnShutdownTimeout, Power, State
from reconciler.observed import DomainState
from reconciler.simulate import definition
from reconciler.simulate.foreign import foreign
from reconciler.simulate.machines import Daemon, Domain, File, Hand, Hypervisor
from reconciler.simulate.world import SEAT, Change, World

FileKey = tuple[str, str]
"""(directory, name)"""


@dataclass(eq=False)
class Watch:
    """Watches one world. `violations` stays empty, or we broke a law; each is one sentence that begins with its number.

    `desired` follows the documents; `planned` is what the plan in force shows (None: nobody told us).
    """

    world: World
    desired: Desired
    planned: frozenset[Action] | None = None
    violations: list[str] = field(default_factory=list)
    _files: dict[FileKey, int] = field(default_factory=dict)
    _ever: set[FileKey] = field(default_factory=set)
    _twice: set[str] = field(default_factory=set)
    _ended: int = 0
    _deleted: set[FileKey] = field(default_factory=set)
    """Files that we may delete, and are about to."""

    def __post_init__(self) -> None:
        self._remember_files()
        self.world.told.append(self._changed)

    def _broken(self, law: int, sentence: str) -> None:
        self.violations.append(f"law {law}: at {self.world.clock.now():.1f} {sentence}")

    # --- after every change -----------------------------------------------------------------

    def _changed(self, change: Change) -> None:
        ours = change.by is Hand.US
        twice = set(self._running_twice())
        if ours:
            for sentence in sorted(twice - self._twice):
                self._broken(2, sentence)
            self._check_files()
        self._twice = twice
        self._check_ends()
        self._remember_files()

    def _running_twice(self) -> Iterator[str]:
        running = [(host.name, found) for host, found in self.world.all_domains() if found.runs]
        by_uuid = Counter(found.uuid for _, found in running)
        writers = Counter(file.number for _, found in running for file in found.opened)
        for host, found in running:
            if by_uuid[found.uuid] > 1:
                yield f"domain/{found.name}@{host} runs twice"
            if any(writers[file.number] > 1 for file in found.opened):
                yield f"domain/{found.name}@{host} shares a disk with another running guest"

    def _check_ends(self) -> None:
        """No guest ends by our hand, unless its document says so."""
        for guest, hand in self.world.ended[self._ended :]:
            if hand is Hand.US and not self._may_stop(guest.name):
                self._broken(3, f"domain/{guest.name} was stopped")
            if guest.forced_by is Hand.US and not self._may_force(guest.name):
                self._broken(5, f"domain/{guest.name} was forced off")
        self._ended = len(self.world.ended)

    def _may_stop(self, name: str) -> bool:
        document = self.desired.domains.get(self.desired.renames.get(name, name))
        if document is None:
            return self._is_pruned(name)
        drains = document.spec.on_drain in (OnDrain.RESTART, OnDrain.STOP)
        cordoned = any(host.spec.cordoned for host in self.desired.hosts.values())
        absent = document.spec.state is State.ABSENT and not document.spec.protected
        restarts = document.spec.on_change is OnChange.RESTART
        return document.spec.power is Power.STOPPED or absent or restarts or (drains and cordoned)

    def _may_force(self, name: str) -> bool:
        """What a guest has not written yet is lost with it."""
        document = self.desired.domains.get(name)
        return document is not None and document.spec.on_shutdown_timeout is OnShutdownTimeout.FORCE

    def _is_pruned(self, name: str) -> bool:
        """Whether the documents let go what has none; never the last of its kind, nor what was protected."""
        marks = (definition.protection(d.xml or d.live or "") for _, d in self.world.all_domains() if d.name == name)
        return self.desired.policy.prune and bool(self.desired.domains) and not any(marks)

    def _check_files(self) -> None:
        now = self._numbers()
        for key, number in self._files.items():
            if key not in now and (key in self._deleted or self._is_half(*key)):
                self._ever.discard(key)
            elif key not in now:
                self._broken(5, f"{'/'.join(key)} was removed")
            elif now[key] != number and key not in self._deleted:
                self._broken(5, f"{'/'.join(key)} was overwritten")

    def _is_half(self, where: str, name: str) -> bool:
        """The note of a copy that is made, or what lies beside one: no guest ever had it."""
        return name == copying_note(name.removesuffix(".copying")[1:]) or (where, copying_note(name)) in self._files

    def _remember_files(self) -> None:
        self._files = self._numbers()
        self._ever |= self._files.keys()

    def _numbers(self) -> dict[FileKey, int]:
        directories = self.world.directories()
        return {(where, name): file.number for where, found in directories for name, file in found.files.items()}

    def at_end(self) -> None:
        """When all is over: no guest is left paused by a migration that nobody ends (law 3)."""
        moving = {migration.domain.uuid for migration in self.world.migrations}
        for host, found in self.world.all_domains():
            if (found.state, found.reason) == (DomainState.PAUSED, "migration") and found.uuid not in moving:
                self._broken(3, f"domain/{found.name}@{host.name} is left paused by a migration")

    def claimed(self, action: Action) -> None:
        """Somebody was told that this is done; is it so (law 9)?"""
        if isinstance(action, StartDomain | MigrateDomain):
            host = action.target if isinstance(action, MigrateDomain) else action.host
            found = self.world.hypervisors[host].domains.get(action.uuid)
            if found is None or not found.runs:
                self._broken(9, f"{action.verb} {action.object} is called done, and it does not run at host/{host}")
        if isinstance(action, CreateVolume):
            names = {name for _, name in self._numbers()}
            if action.volume not in names:
                self._broken(9, f"{action.verb} {action.object} is called done, and it is not there")

    # --- around every action ------------------------------------------------------------------

    def around(self, action: Action) -> Callable[[], None]:
        """A Checker for SimEdge: what must hold before the effect, and what after."""
        before = foreign(self.world, self.desired)
        defined = self._definition(action)
        if self.planned is not None and action not in self.planned:
            self._broken(13, f"{action.verb} {action.object} is not in the plan")
        if isinstance(action, DefineDomain | StartDomain | ResumeDomain):
            self._check_elsewhere(action, action.name, action.uuid)
        if isinstance(action, DefineDomain | StartDomain):
            self._check_host(action, action.host)
        if isinstance(action, DefineDomain):
            self._check_disks_follow(action)
        if isinstance(action, DestroyHusk):
            self._check_husk(action)
        if isinstance(action, MigrateDomain):
            self._check_host(action, action.target)
        if isinstance(action, CreateVolume):
            self._check_volume(action)
        if type(action) is GrowVolume:
            self._check_idle(action)
        if isinstance(action, DeleteVolume):
            self._check_deletion(action)
        if isinstance(action, UndefineDomain | UndefinePool | UndefineNetwork):
            self._check_removal(action)

        def after() -> None:
            if foreign(self.world, self.desired) != before:
                self._broken(4, f"{action.verb} {action.object} touched what is not ours")
            if isinstance(action, MigrateDomain):
                self._check_migrations()
            if defined and isinstance(action, DefineDomain):
                self._check_edit(action, defined, self._definition(action))

        return after

    def _definition(self, action: Action) -> str:
        found = (
            self.world.hypervisors[action.host].domains.get(action.uuid) if isinstance(action, DefineDomain) else None
        )
        return found.xml or "" if found else ""

    def _check_edit(self, action: DefineDomain, before: str, after: str) -> None:
        """An edit changes what a document says, and keeps the machine that it was."""
        lost = definition.strangers(before) - definition.strangers(after)
        if lost:
            self._broken(10, f"{action.verb} {action.object} drops {', '.join(sorted(lost))}")
        lost = definition.identity(before) - definition.identity(after) - self._taken_out(action.name, before)
        if lost:
            self._broken(11, f"{action.verb} {action.object} replaces {', '.join(sorted(lost))}")

    def _taken_out(self, name: str, xml: str) -> frozenset[str]:
        """Disks and MACs that were made for the domain's document, which names them no more."""
        document = self.desired.domains.get(name)
        if document is None:
            return frozenset()
        volumes = {volume_name(name, disk) for disk in document.spec.disks}
        cards = {interface.name for interface in document.spec.interfaces}
        disks, macs = definition.made_devices(xml)
        gone = {path for path in disks if path.rpartition("/")[2] not in volumes}
        return frozenset(gone | {mac for card, mac in macs if card not in cards})

    def _check_elsewhere(self, action: Action, name: str, uuid: str) -> None:
        """No other host has the domain running; none that cannot be asked has it at all.

        Where directories are listed late, a definition cannot know better, and runs nothing by itself.
        """
        if isinstance(action, DefineDomain) and self.world.directory_cache_s:
            return
        for hypervisor in self.world.hypervisors.values():
            found = hypervisor.domains.get(uuid)
            if hypervisor.name == action.host or found is None:
                continue
            if self._can_be_asked(hypervisor):
                if found.runs:
                    self._broken(2, f"{action.verb} {action.object}, while {name} runs at host/{hypervisor.name}")
            elif isinstance(action, DefineDomain) and uuid in self.world.hypervisors[action.host].domains:
                continue  # a definition that is there is edited: nothing new comes of it
            elif not self._is_vouched_for(name, hypervisor.name) and self._may_run(found):
                self._broken(1, f"{action.verb} {action.object}, while host/{hypervisor.name} is silent and has {name}")

    def _may_run(self, found: Domain) -> bool:
        """Whether the domain is more than a definition whose disks were never made."""
        xml = found.xml or found.live or "<domain/>"
        return found.is_active or not definition.needs(xml).disks or definition.has_lived(xml)

    def _exists(self, hypervisor: Hypervisor, path: str) -> bool:
        return self._file(hypervisor, path) is not None

    def _file(self, hypervisor: Hypervisor, path: str) -> File | None:
        """The file that is there in truth, whoever could see it now."""
        parent, _, name = path.rpartition("/")
        mount = hypervisor.mounts.get(parent)
        server = self.world.server_named(mount.server) if mount else None
        directory = server.dirs.get(mount.dir) if server and mount else hypervisor.dirs.get(parent)
        return directory.files.get(name) if directory is not None else None

    def _has_alone(self, hypervisor: Hypervisor, path: str) -> bool:
        """Whether the file lies on the host's own disk."""
        return path.rpartition("/")[0] not in hypervisor.mounts and self._exists(hypervisor, path)

    def _can_be_asked(self, hypervisor: Hypervisor) -> bool:
        return hypervisor.daemon is Daemon.ALIVE and self.world.reaches(SEAT, hypervisor.name)

    def _is_vouched_for(self, name: str, host: str) -> bool:
        """A person says that the host is off; of one without a document, by adopting what was there."""
        place, document = self.desired.hosts.get(host), self.desired.domains.get(name)
        if place is None:
            return document is not None and document.adopted
        return place.spec.fenced

    def _check_host(self, action: DomainAction, host: str) -> None:
        """It may be there by its document; a definition that is there already may be edited."""
        document, place = self.desired.domains.get(action.name), self.desired.hosts.get(host)
        there = action.uuid in self.world.hypervisors[host].domains
        if document is None or place is None:
            self._broken(4, f"{action.verb} {action.object} for host/{host}, of which no document speaks")
            return
        if isinstance(action, DefineDomain) and there:
            return
        goes_back = isinstance(action, StartDomain) and there and document.spec.on_drain is OnDrain.RESTART
        if place.spec.cordoned and document.spec.on_drain is not OnDrain.STAY and not goes_back:
            self._broken(13, f"{action.verb} {action.object} brings it to host/{host}, which is cordoned")
        if host not in self.desired.selected(document.spec.placement.hosts) and not there:
            self._broken(13, f"{action.verb} {action.object} brings it to host/{host}, which placement does not allow")

    def _check_husk(self, action: DestroyHusk) -> None:
        """A guest must run elsewhere before what a migration left of it here is ended."""
        elsewhere = [h for h in self.world.hypervisors.values() if h.name != action.host]
        if not any(action.uuid in host.domains and host.domains[action.uuid].runs for host in elsewhere):
            self._broken(3, f"{action.verb} {action.object}, while it runs nowhere else")

    def _check_disks_follow(self, action: DefineDomain) -> None:
        """A definition never leaves the host that alone has its disk."""
        there = self.world.hypervisors[action.host]
        for host in self.world.hypervisors.values():
            found = host.domains.get(action.uuid)
            if found is None or found.xml is None or host is there:
                continue
            for path, _ in definition.needs(found.xml).disks:
                if self._has_alone(host, path) and not self._exists(there, path):
                    self._broken(5, f"{action.verb} {action.object} leaves its disk {path} behind at host/{host.name}")

    def _check_volume(self, action: CreateVolume) -> None:
        hypervisor = self.world.hypervisors[action.host]
        pool = hypervisor.pools.get(action.pool)
        if pool and pool.active and pool.type == "netfs" and pool.target not in hypervisor.mounts:
            self._broken(1, f"{action.verb} {action.object} writes below an unmounted {pool.target}")
        wheres = {
            where for where, name in self._ever if name == action.volume and pool and _is_of(where, pool.source_dir)
        }
        if wheres and (wheres.pop(), action.volume) not in self._files:
            self._broken(5, f"{action.verb} {action.object} makes a disk again that is gone")
        path = f"{pool.target}/{action.volume}" if pool else ""
        if self._exists(hypervisor, path):
            return  # creation is exclusive: it will be refused
        for name, uuid in self._owners(action):
            self._check_elsewhere(action, name, uuid)

    def _check_idle(self, action: GrowVolume) -> None:
        """libvirt's storage driver writes to the file itself: nobody may have it open."""
        for hypervisor, found in self.world.all_domains():
            pool = hypervisor.pools.get(action.pool)
            file = self._file(hypervisor, f"{pool.target}/{action.volume}") if pool else None
            if found.is_active and file in found.opened:
                self._broken(5, f"{action.verb} {action.object}, while domain/{found.name}@{hypervisor.name} uses it")

    def _check_deletion(self, action: DeleteVolume) -> None:
        """Data goes where a document says so in words, nobody else has it, and everybody could be asked (law 5)."""
        what, hypervisor = f"{action.verb} {action.object}", self.world.hypervisors[action.host]
        pool = hypervisor.pools.get(action.pool)
        path = f"{pool.target}/{action.volume}" if pool else ""
        file = self._file(hypervisor, path)
        if file is None:
            return  # nothing there: it will be refused
        owners = [d for d in hypervisor.domains.values() if d.xml and self._may_lose(d, action, path)]
        if not owners:
            self._broken(5, f"{what}, and no document says so")
        for host, found in self.world.all_domains():
            paths = {p for xml in (found.xml, found.live) if xml for p, _ in definition.needs(xml).disks}
            if path in paths and (found not in owners or found.is_active):
                self._broken(5, f"{what}, which domain/{found.name}@{host.name} has too")
        if any(
            other.backing == path for _, directory in self.world.directories() for other in directory.files.values()
        ):
            self._broken(5, f"{what}, and something stands on it")
        if silent := [host.name for host in self.world.hypervisors.values() if not self._can_be_asked(host)]:
            self._broken(1, f"{what}, while host/{silent[0]} is silent")
        self._deleted |= {key for key, number in self._numbers().items() if number == file.number}

    def _check_removal(self, action: UndefineDomain | UndefinePool | UndefineNetwork) -> None:
        """What has no document goes where the cluster's says so, and while others of its kind are left (law 5)."""
        documents: Mapping[str, Document] = getattr(self.desired, f"{action.kind}s")
        if action.name in documents:
            return
        others = self.desired.policy.prune and bool(documents)
        if not others or (isinstance(action, UndefineDomain) and not self._is_pruned(action.name)):
            self._broken(5, f"{action.verb} {action.object}, and no document says so")

    def _may_lose(self, found: Domain, action: DeleteVolume, path: str) -> bool:
        """Whether its document wants the volume deleted with it; a claim, once no shared disk of it is there."""
        document = self.desired.domains.get(found.name)
        if document is None or document.spec.state is State.PRESENT or document.spec.protected:
            return False
        doomed = {disk.pool for disk in document.spec.disks if disk.on_delete == "delete"}
        paths = [disk for disk, _ in definition.needs(found.xml or "").disks]
        if action.volume.startswith("."):
            here = self.world.hypervisors[action.host]
            return bool(doomed) and not any(self._exists(here, disk) for disk in paths)
        names = {disk.name for disk in document.spec.disks if disk.on_delete == "delete"}
        return path in {definition.lies_on(found.xml or "", name) for name in names}

    def _owners(self, action: CreateVolume) -> Iterator[tuple[str, str]]:
        for name, document in self.desired.domains.items():
            if any(volume_name(name, d) == action.volume and d.pool == action.pool for d in document.spec.disks):
                yield name, object_uuid(self.desired.cluster_name, "domain", name)

    def _check_migrations(self) -> None:
        limits = self.desired.policy.migration
        ours = [migration for migration in self.world.migrations if migration.by is Hand.US]
        out, into = Counter(m.source.name for m in ours), Counter(m.target.name for m in ours)
        if any(count > limits.outbound_per_host for count in out.values()):
            self._broken(13, f"more than {limits.outbound_per_host} migrations leave one host")
        if any(count > limits.inbound_per_host for count in into.values()):
            self._broken(13, f"more than {limits.inbound_per_host} migrations enter one host")
        if len(ours) > limits.parallel:
            self._broken(13, f"more than {limits.parallel} migrations run")


def _is_of(where: str, source_dir: str) -> bool:
    return bool(source_dir) and where.partition(":")[2] == source_dir
