"""Passwords of screens, as libvirt keeps them: shown to nobody who does not ask, lost where none is written.

The simulated secrets are made up from their sources; `secret NAME VALUE` gives one another value, or takes it away.
"""

import re

from reconciler import action as actions
from reconciler.desired import Desired
from reconciler.desired.secrets import SecretRef
from reconciler.errors import PermanentError
from reconciler.password import password_ref
from reconciler.screen import Password, SeenPassword
from reconciler.simulate import domains
from reconciler.simulate.machines import Domain, Hypervisor
from reconciler.simulate.refusal import invalid
from reconciler.simulate.world import World
from reconciler.xml.passwords import has_screen, password_of, with_password, with_passwords

_HIDDEN = re.compile(r' passwd="[^"]*"')


def hidden(xml: str) -> str:
    """What virDomainGetXMLDesc tells without SECURE."""
    return _HIDDEN.sub("", xml)


def fetched(world: World, source: SecretRef) -> str:
    """The secret. Raises: PermanentError."""
    name = source.words[-1]
    value = world.secrets.get(name, f"{name}-0")
    if not value:
        raise PermanentError(f"cannot fetch the secret from {source}: it is not there")
    return value


def seen(world: World, desired: Desired, found: Domain) -> SeenPassword | None:
    """What the real edge would tell of the domain's password."""
    document = desired.domains.get(found.name)
    source = password_ref(desired, document) if document is not None else None
    if source is None or found.xml is None:
        return None
    value, trouble = "", ""
    try:
        value = fetched(world, source)
    except PermanentError as error:
        trouble = str(error)
    live = _judged(found.live, value) if found.live and found.is_active else None
    return SeenPassword(_judged(found.xml, value), live, trouble)


def _judged(xml: str, value: str) -> Password:
    there = password_of(xml)
    if not there:
        return Password.NONE
    if not value:
        return Password.SOME
    return Password.RIGHT if there == value else Password.WRONG


def define_domain(world: World, hypervisor: Hypervisor, action: actions.DefineDomain) -> None:
    """virDomainDefineXMLFlags with the passwords that virDomainGetXMLDesc(SECURE) shows at its source."""
    source = world.hypervisors.get(action.source, hypervisor)
    there = source.domains.get(action.uuid)
    shown = there.xml if there is not None and has_screen(action.xml) else None
    domains.define(world, hypervisor, with_passwords(action.xml, shown) if shown else action.xml)


def set_password(world: World, hypervisor: Hypervisor, action: actions.SetPassword) -> None:
    """virDomainDefineXMLFlags, and virDomainUpdateDeviceFlags where what runs has one."""
    value = fetched(world, action.source)
    found = domains.domain(hypervisor, action.uuid, action.name)
    written = with_password(found.xml or "<domain/>", value)
    if not written:
        raise invalid("there is no screen")
    found.xml = written
    if found.live and found.is_active and password_of(found.live):
        found.live = with_password(found.live, value)
    world.tell(hypervisor.name, f"domain/{found.name}", "its screen gets another password")
