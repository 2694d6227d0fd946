"""What documents of several kinds share."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from reconciler.desired import rules
from reconciler.desired.model import Duration, Flag, Model, Name, Size, Text

InterfaceName = Annotated[Name, AfterValidator(rules.interface_name)]
Labels = Mapping[Text, Text]


class State(StrEnum):
    """Whether an object shall exist."""

    PRESENT = "present"
    ABSENT = "absent"


class Metadata(Model):
    """What an object is called."""

    name: Name
    """The object's name, unique among its kind."""
    labels: Labels = {}  # noqa: RUF012
    """Words that selectors match, for example {rack: a}."""
    annotations: Labels = {}  # noqa: RUF012
    """Notes; those that begin with reconciler/ mean something to the reconciler."""


class DomainMetadata(Metadata):
    """What a domain is called, and was."""

    renamed_from: Name | None = None
    """The name that it had before; it is renamed while it is off, and keeps its UUID, addresses and volumes."""


class LabelSelector(Model):
    """Hypervisors by their labels."""

    match_labels: Labels
    """Labels that a host must all carry."""


def _all(value: object) -> object:
    if value is not None and value != "all":
        raise ValueError("is no selector; write all, a list of host names, or {matchLabels: {...}}")
    return value


def _selector_form(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "(names)"
    return "(labels)" if isinstance(value, (dict, LabelSelector)) else "(all)"


HostSelector = Annotated[
    Annotated[Literal["all"], BeforeValidator(_all), Tag("(all)")]
    | Annotated[tuple[Name, ...], Tag("(names)")]
    | Annotated[LabelSelector, Tag("(labels)")],
    Discriminator(_selector_form),
]
"""all (hypervisors), a list of names, or matchLabels."""


class Transport(StrEnum):
    """How a migration's memory gets to the other host."""

    NATIVE = "native"
    """Straight from QEMU to QEMU, unencrypted; the target's ports 49152 to 49215 must be open."""
    TUNNELLED = "tunnelled"
    """Through libvirt's own connection between the hosts: no port to open, encrypted as that is, but slower."""
    TLS = "tls"
    """From QEMU to QEMU, encrypted; both hosts need libvirt's TLS certificates for migration."""


class MigrationPolicy(Model):
    """How a live migration may go."""

    transport: Transport = Transport.NATIVE
    """How memory gets to the other host: native (QEMU to QEMU), tunnelled (through libvirt), or tls."""
    auto_converge: Flag = True
    """Slow a guest down that writes to its memory faster than it can be sent."""
    bandwidth: Size | None = None
    """The most that one migration may send in a second, for example 100MiB; null: no bound."""
    progress_timeout: Duration = 150.0
    """A migration that makes no progress for so long is given up; the guest goes on where it was."""
    timeout_per_gib: Annotated[Duration, Field(alias="timeoutPerGiB")] = 150.0
    """A migration may take this long for each GiB of memory, rounded up."""
    max_downtime: Duration = 0.5
    """How long the guest may stand still at the end; allowed in steps from 100 ms on, as the copy gets nowhere."""
    post_copy: Flag = False
    """Switch over before all memory is copied, when it cannot converge otherwise; a link lost then loses the guest."""


class Document(Model):
    """One object."""

    api_version: Literal["reconciler/v1"]
    """The form of this document."""
    metadata: Metadata
    """What the object is called."""

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def labels(self) -> Mapping[str, str]:
        return self.metadata.labels

    @property
    def adopted(self) -> bool:
        """A person vouches that what is there under our name is ours (law 2, law 4)."""
        return self.metadata.annotations.get("reconciler/adopt") == "true"
