"""cloud-init: what a seed is made of, read and checked here and nowhere else. The content is never shown."""

import json
import os
from dataclasses import dataclass
from typing import Any

from reconciler.desired.derive import object_uuid, seed_pool
from reconciler.desired.documents import SEED_DRIVE, CloudInit, Domain, FileSource
from reconciler.desired.seed import Seed
from reconciler.load.checks.world import At, Entry, World
from reconciler.load.files import Refused, read_below
from reconciler.load.outline import NotYaml, Outline, outline
from reconciler.load.parse import LONGEST_SCALAR, Stream
from reconciler.load.scalars import Odd

CLOUD_CONFIG = "#cloud-config"
JINJA = "## template: jinja"
HEADERS = (
    *(CLOUD_CONFIG, "#cloud-config-archive", "#cloud-config-jsonp", "#cloud-boothook", "#include", "#include-once"),
    *("#part-handler", "#!", "content-type:", "mime-version:"),
)
"""How user data may begin, in small letters. Source: cloud-init's documentation, "User data formats"."""


@dataclass(frozen=True, slots=True)
class _Text:
    """One of the texts, and the field that it comes from."""

    where: At
    text: str


def check_cloud_init(world: World, entry: Entry, domain: Domain) -> None:
    """Complain about what cloud-init would not take; note what the seed of a domain without fault is made of."""
    init = domain.spec.cloud_init
    if init is None:
        return
    before = len(world.complaints)
    _place(world, entry, domain, init)
    user = _text(world, entry, "userData", init.user_data, init.user_data_from)
    meta = _text(world, entry, "metaData", init.meta_data, init.meta_data_from)
    network = _text(world, entry, "networkConfig", init.network_config, init.network_config_from)
    if init.user_data is None and init.user_data_from is None:
        world.complain((entry, ("spec", "cloudInit")), "needs one of userData and userDataFrom")
    if user:
        _check_user_data(world, user)
    said = _mapping(world, meta, "meta data") if meta else {}
    if network:
        _check_network(world, network)
    if len(world.complaints) == before and user:
        completed = _completed(world, domain, init, meta.text if meta else "", said)
        world.seeds[domain.name] = Seed(user.text, completed, network.text if network else "", init.instance)


def _place(world: World, entry: Entry, domain: Domain, init: CloudInit) -> None:
    """Its drive and its pool."""
    spec = domain.spec
    names = [("disks", index, disk.name) for index, disk in enumerate(spec.disks)]
    names += [("cdroms", index, drive.name) for index, drive in enumerate(spec.cdroms)]
    for sort, index, name in names:
        if name == SEED_DRIVE:
            where = (entry, ("spec", sort, index, "name"))
            world.complain(where, "is the name of cloud-init's own drive; choose another")
    if init.pool:
        world.refer((entry, ("spec", "cloudInit", "pool")), "Pool", init.pool)
    elif not seed_pool(domain, world.desired.pools):
        world.complain((entry, ("spec", "cloudInit")), "needs a pool for the seed: the domain has no disk beside it")
    if init.eject_after_boot and not spec.guest_agent:
        eject = (entry, ("spec", "cloudInit", "ejectAfterBoot"))
        world.complain(eject, "needs guestAgent: nothing else tells that the guest has come up", quote=False)


def _text(world: World, entry: Entry, name: str, inline: str | None, source: FileSource | None) -> _Text | None:
    """What is written in the document or in the file that it names; None where nothing is, or it cannot be read."""
    where = ("spec", "cloudInit", name)
    if inline is not None and source is not None:
        world.complain((entry, where[:2]), f"has two sources, {name} and {name}From; leave one of them out")
    if inline is not None:
        return _Text((entry, where), inline)
    return _from_file(world, (entry, (*where[:2], f"{name}From", "file")), source.file) if source else None


def _from_file(world: World, where: At, name: str) -> _Text | None:
    folder = os.path.dirname(world.real_file(where[0]))
    try:
        data = read_below(os.path.join(folder, name), world.root)
    except Refused as refusal:
        world.complain(where, str(refusal))
        return None
    if len(data) > LONGEST_SCALAR:
        world.complain(where, "is longer than 1 MiB")
        return None
    try:
        return _Text(where, data.decode())
    except UnicodeDecodeError:
        world.complain(where, "is not UTF-8 text; cloud-init reads what is")
        return None


# --- what cloud-init takes ---------------------------------------------------------------


def _check_user_data(world: World, user: _Text) -> None:
    first, _, rest = user.text.lstrip().partition("\n")
    is_template = first.strip().lower() == JINJA
    header = (rest.lstrip().partition("\n")[0] if is_template else first).strip().lower()
    if not header.startswith(HEADERS):
        message = f'must begin with a line that cloud-init knows, such as "{CLOUD_CONFIG}" or "#!/bin/sh"'
        world.complain(user.where, message, quote=False)
    elif header.split()[0] == CLOUD_CONFIG and not is_template:
        _check_cloud_config(world, user)


def _check_cloud_config(world: World, user: _Text) -> None:
    """Only its outline: what it says is between its author and cloud-init."""
    try:
        is_one = outline(user.text) is not Outline.OTHER
    except NotYaml as fault:
        world.complain(user.where, f"is not YAML in its line {fault.line}", quote=False)
        return
    if not is_one:
        world.complain(user.where, "is not one mapping, as cloud-config is", quote=False)


def _mapping(world: World, text: _Text, what: str) -> dict[str, Any]:
    """The one mapping that the YAML is; empty where it is none, or faulty."""
    stream = Stream(text.text.encode())
    found = list(stream)
    if stream.faults:
        world.complain(text.where, f"is not YAML in its line {stream.faults[0].line}", quote=False)
    elif len(found) > 1 or any(not isinstance(tree.value, dict) for tree in found):
        world.complain(text.where, f"is not one mapping, as {what} is", quote=False)
    else:
        return next((tree.value for tree in found), {})
    return {}


def _check_network(world: World, network: _Text) -> None:
    before = len(world.complaints)
    said = _mapping(world, network, "a network configuration")
    inner = said.get("network", said)
    version = inner.get("version") if isinstance(inner, dict) else None
    if len(world.complaints) == before and version not in (1, 2):
        world.complain(network.where, "is no network configuration: its version must be 1 or 2", quote=False)


def _completed(world: World, domain: Domain, init: CloudInit, text: str, said: dict[str, Any]) -> str:
    """Meta data with all that cloud-init needs. What is added stays the same for as long as the instance does."""
    uuid = object_uuid(world.desired.cluster_name, "domain", domain.name)
    own = {"instance-id": f"{uuid}-{init.instance}", "local-hostname": domain.name}
    missing = {key: value for key, value in own.items() if key not in said}
    return json.dumps({**missing, **said}, default=_as_written, indent=1) + "\n" if missing else text


def _as_written(value: object) -> str:
    """A scalar that other readers would take for something else, as text."""
    return value.text if isinstance(value, Odd) else str(value)
