"""The five kinds of document. Field names are fixed; each field has a default that acts when an object is created."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from reconciler.desired.model import Address, Duration, Flag, Later, Model, Name, Positive, Size, Text, Whole

GIB = 1024**3
MIB = 1024**2


class State(StrEnum):
    """Whether an object shall exist."""

    PRESENT = "present"
    ABSENT = "absent"


class Power(StrEnum):
    """What a domain shall be doing."""

    RUNNING = "running"
    STOPPED = "stopped"
    UNMANAGED = "unmanaged"


class OnDrain(StrEnum):
    """What happens to a running domain when its host is cordoned."""

    MIGRATE = "migrate"
    RESTART = "restart"
    STOP = "stop"
    STAY = "stay"


class OnChange(StrEnum):
    """What happens when a change cannot be made while the domain runs."""

    HOLD = "hold"
    RESTART = "restart"


class Metadata(Model):
    name: Name
    labels: Mapping[Text, Text] = {}
    annotations: Mapping[Text, Text] = {}


class LabelSelector(Model):
    match_labels: Mapping[Text, Text]


HostSelector = Literal["all"] | tuple[Name, ...] | LabelSelector


# --- Cluster ---------------------------------------------------------------


class Limits(Model):
    deletes: Annotated[Whole, Field(ge=0)] = 1
    restarts: Annotated[Whole, Field(ge=0)] = 2


class ClusterPlacement(Model):
    memory_overcommit: Annotated[float, Field(gt=0, le=16)] = 1.0
    cpu_overcommit: Annotated[float, Field(gt=0, le=64)] = 4.0


class MigrationPolicy(Model):
    bandwidth: Size | None = None
    progress_timeout: Duration = 150.0
    timeout_per_gib: Annotated[Duration, Field(alias="timeoutPerGiB")] = 150.0
    max_downtime: Duration = 0.5
    post_copy: Annotated[Flag, Later((True,))] = False


class ClusterMigration(MigrationPolicy):
    outbound_per_host: Positive = 2
    inbound_per_host: Positive = 2
    parallel: Positive = 5


class ClusterSpec(Model):
    interval: Duration = 300.0
    suspend: Flag = False
    prune: Annotated[Flag, Later((True,))] = False
    limits: Limits = Limits()
    placement: ClusterPlacement = ClusterPlacement()
    migration: ClusterMigration = ClusterMigration()


# --- Host ------------------------------------------------------------------


class Reserved(Model):
    memory: Size = 512 * MIB


class Hypervisor(Model):
    uri: Text
    peer_uri: Text | None = None
    reserved: Reserved = Reserved()
    migration_address: Address | None = None

    @property
    def peer(self) -> str:
        """The URI by which other hypervisors reach this one: ours without its query (its keyfile is ours alone)."""
        return self.peer_uri or self.uri.partition("?")[0]


class NfsServer(Model):
    ssh: Text
    software: Annotated[Literal["kernel", "ganesha"], Later(("ganesha",))] = "kernel"
    manage: Flag = True


class HostSpec(Model):
    address: Address
    cordoned: Flag = False
    fenced: Flag = False
    hypervisor: Hypervisor | None = None
    nfs_server: NfsServer | None = None


# --- Pool ------------------------------------------------------------------


class PoolSource(Model):
    host: Text
    dir: Text


class Export(Model):
    clients: tuple[Text, ...]
    options: tuple[Text, ...] = ("rw", "sync", "no_root_squash")


class Image(Model):
    name: Name
    from_: Annotated[Text, Field(alias="from")]
    sha256: Text


class PoolSpec(Model):
    state: State = State.PRESENT
    type: Literal["netfs", "dir"]
    hosts: HostSelector = "all"
    source: PoolSource | None = None
    target: Text
    export: Export | None = None
    images: tuple[Image, ...] = ()


# --- Network ---------------------------------------------------------------


class NetworkSpec(Model):
    state: State = State.PRESENT
    hosts: HostSelector = "all"
    bridge: Name | None = None
    bridge_on: Mapping[Name, Name] = {}
    nat: Annotated[Mapping[Text, Any] | None, Later()] = None
    isolated: Annotated[Mapping[Text, Any] | None, Later()] = None
    route: Annotated[Mapping[Text, Any] | None, Later()] = None


# --- Domain ----------------------------------------------------------------


class Disk(Model):
    name: Name
    pool: Name
    size: Size
    image: Name | None = None
    volume: Name | None = None
    format: Literal["qcow2", "raw"] = "qcow2"
    bus: Literal["virtio", "scsi", "sata"] = "virtio"
    cache: Literal["none", "writeback", "writethrough", "directsync", "unsafe", "default"] = "none"
    on_delete: Annotated[Literal["keep", "delete"], Later(("delete",))] = "keep"


class Interface(Model):
    name: Name
    network: Name
    mac: Text | None = None
    model: Name = "virtio"


class ApartFrom(Model):
    match_labels: Mapping[Text, Text]
    required: Flag = False


class DomainPlacement(Model):
    hosts: HostSelector = "all"
    apart_from: ApartFrom | None = None


class DomainMigration(MigrationPolicy):
    """Overrides the cluster's policy, field by field."""


class FileSource(Model):
    file: Text


class CloudInit(Model):
    user_data: Text | None = None
    user_data_from: FileSource | None = None


class XmlEdit(Model):
    set: Text | None = None
    create: Text | None = None
    delete: Text | None = None
    to: Text | None = None


class DomainSpec(Model):
    state: State = State.PRESENT
    power: Power = Power.RUNNING
    vcpus: Positive
    memory: Size
    cpu: Name = "baseline"
    disks: tuple[Disk, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    cloud_init: Annotated[CloudInit | None, Later()] = None
    placement: DomainPlacement = DomainPlacement()
    on_drain: OnDrain = OnDrain.MIGRATE
    migration: DomainMigration = DomainMigration()
    on_change: Annotated[OnChange, Later((OnChange.RESTART,))] = OnChange.HOLD
    protected: Flag = False
    xml: Annotated[tuple[XmlEdit, ...], Later()] = ()


# --- Documents -------------------------------------------------------------


class Document(Model):
    api_version: Literal["reconciler/v1"]
    metadata: Metadata

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def labels(self) -> Mapping[str, str]:
        return self.metadata.labels


class Cluster(Document):
    kind: Literal["Cluster"]
    spec: ClusterSpec = ClusterSpec()


class Host(Document):
    kind: Literal["Host"]
    spec: HostSpec


class Pool(Document):
    kind: Literal["Pool"]
    spec: PoolSpec


class Network(Document):
    kind: Literal["Network"]
    spec: NetworkSpec


class Domain(Document):
    kind: Literal["Domain"]
    spec: DomainSpec

    @property
    def adopted(self) -> bool:
        """A person vouches that what is there under our name is ours (law 2, law 4)."""
        return self.metadata.annotations.get("reconciler/adopt") == "true"


KINDS: Mapping[str, type[Document]] = {
    "Cluster": Cluster,
    "Host": Host,
    "Pool": Pool,
    "Network": Network,
    "Domain": Domain,
}
