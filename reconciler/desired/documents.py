"""The five kinds of document. Field names are fixed; each field has a default that acts when an object is created.

The text under a field explains it to people: the JSON Schemas carry it to their editors.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict, StrictStr

from reconciler.desired import exports, rules
from reconciler.desired.devices import Cdrom, Disk, Interface
from reconciler.desired.domain import (
    SEED_DRIVE,
    ApartFrom,
    CloudInit,
    Domain,
    DomainMigration,
    DomainPlacement,
    DomainSpec,
    FileSource,
    OnChange,
    OnDrain,
    OnShutdownTimeout,
    Power,
    Ready,
    TogetherWith,
    XmlEdit,
)
from reconciler.desired.model import (
    Address,
    Duration,
    Flag,
    Later,
    Model,
    Name,
    Positive,
    RestartWindow,
    Size,
    Text,
    Whole,
)
from reconciler.desired.parts import (
    Document,
    HostSelector,
    InterfaceName,
    LabelSelector,
    Metadata,
    MigrationPolicy,
    State,
    Transport,
)

GIB = 1024**3
MIB = 1024**2

Uri = Annotated[
    StrictStr,
    AfterValidator(rules.hypervisor_uri),
    Field(
        json_schema_extra={
            "pattern": "^(qemu|test)([+][a-z0-9]+)?://[^#]*$",
            "examples": ["qemu+ssh://root@hv1/system"],
        }
    ),
]
Sha256 = Annotated[StrictStr, AfterValidator(rules.sha256), Field(json_schema_extra={"pattern": f"^{rules.SHA256}$"})]


# --- Cluster ---------------------------------------------------------------


class Limits(Model):
    """How much may be undone; what is over a limit is held."""

    deletes: Annotated[Whole, Field(ge=0, le=2**31 - 1)] = 1
    """Deletions that one run, or one rolling hour of the daemon, may make."""
    restarts: Annotated[Whole, Field(ge=0, le=2**31 - 1)] = 2
    """Restarts of domains that one run, or one rolling hour of the daemon, may make."""


class ClusterPlacement(Model):
    """How full hosts may become, and how guests are laid out on them."""

    strategy: Literal["spread", "pack"] = "spread"
    """spread: to the host with most memory left; pack: to the one with least that suffices. Nothing moves for it."""
    make_room: Flag = False
    """true: where a domain finds no room, others may be migrated to make some, as few as possible."""

    memory_overcommit: Annotated[float, Strict(), Field(gt=0, le=16)] = 1.0
    """Memory promised to guests, as a multiple of a host's memory."""
    cpu_overcommit: Annotated[float, Strict(), Field(gt=0, le=64)] = 4.0
    """Virtual CPUs promised to guests, as a multiple of a host's CPUs."""


class ClusterMigration(MigrationPolicy):
    """How live migrations may go, and how many at once."""

    outbound_per_host: Positive = 2
    """Migrations that may leave one host at the same time."""
    inbound_per_host: Positive = 2
    """Migrations that one host may receive at the same time."""
    parallel: Positive = 5
    """Migrations that may run in the whole cluster at the same time."""


class ClusterSpec(Model):
    """Policy for everything; all of it is optional."""

    interval: Duration = 300.0
    """The daemon makes a full pass this often, even when nothing tells it to look."""
    suspend: Flag = False
    """true: observe and report, change nothing."""
    prune: Flag = False
    """true: what is ours and has no document any more is removed, as far as limits allow; disks always stay."""
    limits: Limits = Limits()
    """How many deletions and restarts one run may make."""
    restart_window: RestartWindow | None = None
    """When onChange may restart guests, in UTC, for example "Sat,Sun 02:00-05:00"; null: at any time."""
    placement: ClusterPlacement = ClusterPlacement()
    """How full hosts may become, and how guests are laid out on them."""
    migration: ClusterMigration = ClusterMigration()
    """How live migrations may go."""


class Cluster(Document):
    """Policy for the whole cloud; at most one document, all of it optional."""

    kind: Literal["Cluster"]
    """The kind of this document."""
    spec: ClusterSpec = ClusterSpec()
    """The policy."""


# --- Host ------------------------------------------------------------------


class Reserved(Model):
    """What guests never get."""

    memory: Size = 512 * MIB
    """Memory kept for the host itself."""


class Hypervisor(Model):
    """How libvirt on this host is reached."""

    uri: Uri
    """libvirt's URI of this host, for example qemu+ssh://root@hv1/system."""
    peer_uri: Uri | None = None
    """How the other hypervisors reach this one; null: the uri without its query."""
    reserved: Reserved = Reserved()
    """What guests never get of this host."""
    migration_address: Address | None = None
    """An address of its own for memory traffic; null: the host's address."""

    @property
    def peer(self) -> str:
        """The URI by which other hypervisors reach this one: ours without its query (its keyfile is ours alone)."""
        return self.peer_uri or self.uri.partition("?")[0]


class NfsServer(Model):
    """How the NFS server on this host is managed."""

    ssh: Annotated[StrictStr, AfterValidator(rules.ssh_destination)]
    """Where its exports are read and written over ssh, for example root@nas."""
    software: Annotated[Literal["kernel", "ganesha"], Later(("ganesha",))] = "kernel"
    """What serves NFS there."""
    manage: Flag = True
    """false: exports are only looked at."""


class HostSpec(Model):
    """A machine: a hypervisor, an NFS server, or both."""

    address: Address
    """The machine's IPv4 or IPv6 address, never a name; no two hosts share one."""
    cordoned: Flag = False
    """true: nothing new is placed here, and every domain is moved away."""
    fenced: Flag = False
    """true: a person vouches that this machine is off; its domains may be started elsewhere."""
    hypervisor: Hypervisor | None = None
    """Set where guests may run on this machine."""
    nfs_server: NfsServer | None = None
    """Set where this machine serves disks."""


class Host(Document):
    """A machine."""

    kind: Literal["Host"]
    """The kind of this document."""
    spec: HostSpec
    """What the machine is."""

    @property
    def migration_address(self) -> str:
        """Where the memory of guests that move here goes."""
        own = self.spec.hypervisor.migration_address if self.spec.hypervisor else None
        return own or self.spec.address


# --- Pool ------------------------------------------------------------------


class PoolSource(Model):
    """Where a netfs pool's files lie."""

    host: Text
    """A Host document with nfsServer, or the IP address of a server that is not ours."""
    dir: Annotated[StrictStr, AfterValidator(rules.shared_directory)]
    """The directory that the server exports."""


class Export(Model):
    """How the directory is exported; only where the source is a Host of ours."""

    clients: Annotated[
        tuple[Annotated[StrictStr, AfterValidator(exports.client)], ...], AfterValidator(exports.clients)
    ]
    """Who may mount it: addresses, networks like 10.77.0.0/24, host names, *."""
    options: Annotated[
        tuple[Annotated[StrictStr, AfterValidator(exports.option)], ...], AfterValidator(exports.options)
    ] = ("rw", "sync", "no_root_squash")
    """Options as exports(5) lists them."""


class Image(Model):
    """A base image that disks may be overlays on."""

    name: Name
    """The name by which disks refer to it."""
    from_: Annotated[StrictStr, AfterValidator(rules.image_source), Field(alias="from")]
    """A file, relative to this document, below its directory or a --image-root; or an http(s) URL."""
    sha256: Sha256
    """The file's SHA-256 sum, 64 hex digits; nothing is built on other content."""
    format: Literal["qcow2", "raw"] = "qcow2"
    """The image's format, which is never guessed."""


class PoolSpec(Model):
    """Storage that hypervisors keep disks in."""

    state: State = State.PRESENT
    """absent: delete it, as far as limits allow."""
    type: Literal["netfs", "dir"]
    """libvirt's type of pool."""
    hosts: HostSelector = "all"
    """The hypervisors that have it: all, a list of names, or matchLabels."""
    source: PoolSource | None = None
    """Where a netfs pool is mounted from."""
    target: Annotated[StrictStr, AfterValidator(rules.pool_target)]
    """Where it lies on every hypervisor: the same path, or domains could not migrate."""
    export: Export | None = None
    """How the server exports it; left out: exports are not touched."""
    images: tuple[Image, ...] = ()
    """Base images that the pool must hold."""


class Pool(Document):
    """Storage for disks."""

    kind: Literal["Pool"]
    """The kind of this document."""
    spec: PoolSpec
    """What the pool shall be."""

    @property
    def is_shared(self) -> bool:
        """Whether its hosts see the same files; a plain directory is each host's own."""
        return self.spec.type == "netfs"


# --- Network ---------------------------------------------------------------


class NetworkSpec(Model):
    """What guests are plugged into."""

    state: State = State.PRESENT
    """absent: delete it, as far as limits allow."""
    hosts: HostSelector = "all"
    """The hypervisors that have it: all, a list of names, or matchLabels."""
    bridge: InterfaceName | None = None
    """A bridge that the hosts have already."""
    bridge_on: Mapping[Name, InterfaceName] = {}
    """Hosts where that bridge has another name, for example {hv2: br1}."""
    nat: Annotated[Mapping[Text, Any] | None, Later()] = None
    """A network of the host's own, hidden behind its address."""
    isolated: Annotated[Mapping[Text, Any] | None, Later()] = None
    """A network that leads nowhere else."""
    route: Annotated[Mapping[Text, Any] | None, Later()] = None
    """A network that the host routes."""


class Network(Document):
    """A network for guests."""

    kind: Literal["Network"]
    """The kind of this document."""
    spec: NetworkSpec
    """What the network shall be."""


KINDS: Mapping[str, type[Document]] = {
    "Cluster": Cluster,
    "Host": Host,
    "Pool": Pool,
    "Network": Network,
    "Domain": Domain,
}

__all__ = [
    "GIB",
    "KINDS",
    "MIB",
    "SEED_DRIVE",
    "ApartFrom",
    "Cdrom",
    "CloudInit",
    "Cluster",
    "ClusterMigration",
    "ClusterPlacement",
    "ClusterSpec",
    "Disk",
    "Document",
    "Domain",
    "DomainMigration",
    "DomainPlacement",
    "DomainSpec",
    "Export",
    "FileSource",
    "Host",
    "HostSelector",
    "HostSpec",
    "Hypervisor",
    "Image",
    "Interface",
    "LabelSelector",
    "Limits",
    "Metadata",
    "MigrationPolicy",
    "Network",
    "NetworkSpec",
    "NfsServer",
    "OnChange",
    "OnDrain",
    "OnShutdownTimeout",
    "Pool",
    "PoolSource",
    "PoolSpec",
    "Power",
    "Ready",
    "Reserved",
    "State",
    "TogetherWith",
    "Transport",
    "XmlEdit",
]
