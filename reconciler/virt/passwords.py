"""Passwords of screens at a hypervisor: compared, and set. What is read and fetched here leaves as yes or no.

Asked only of domains whose documents name a password: XMLDesc(SECURE) once, once more when active.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from reconciler.action import SetPassword
from reconciler.clock import Pending
from reconciler.desired import Desired
from reconciler.desired.secrets import SecretRef
from reconciler.errors import PermanentError, ReconcilerError
from reconciler.observed import Listing, SeenDomain, Unknown
from reconciler.password import password_ref
from reconciler.redact import Secret, hide
from reconciler.screen import Password, SeenPassword
from reconciler.secrets import Secrets
from reconciler.virt import codes, lib
from reconciler.virt.connect import Link, Session
from reconciler.virt.observe import HostSeen, finish
from reconciler.virt.parts import attempt
from reconciler.xml.passwords import password_of, screen_with_password, with_password

LONGEST_VNC = 8
"""Bytes; the protocol has no more (RFC 6143, 7.2.2), and libvirt refuses more."""

Asked = Mapping[str, tuple[SecretRef, str]]
"""Domain's name -> where its password comes from, and the screen's type."""


def with_passwords_seen(
    links: Mapping[str, Link], desired: Desired, secrets: Secrets, seen: Mapping[str, HostSeen]
) -> dict[str, HostSeen]:
    """The same, with what is known of the passwords that documents name. Raises: nothing."""
    asked = {
        name: (source, domain.spec.graphics.type)
        for name, domain in desired.domains.items()
        if domain.spec.graphics and (source := password_ref(desired, domain))
    }
    if not asked:
        return dict(seen)
    begun = {
        host: Pending(partial(_of_host, links[host], asked, secrets, told), f"{host}-passwords")
        for host, told in seen.items()
        if host in links
    }
    found = dict(seen)
    for host, pending in begun.items():
        told = finish(pending, f"host/{host}")
        found[host] = seen[host] if isinstance(told, Unknown) else told
    return found


def _of_host(link: Link, asked: Asked, secrets: Secrets, told: HostSeen) -> HostSeen:
    if not isinstance(told.domains, Listing):
        return told
    items = dict(told.domains.items)
    for name, domain in items.items():
        if name in asked and domain.fields is not None and not domain.unknown:
            items[name] = replace(domain, password=_seen(link, domain, *asked[name], secrets))
    return replace(told, domains=replace(told.domains, items=items))


def _seen(link: Link, domain: SeenDomain, source: SecretRef, screen: str, secrets: Secrets) -> SeenPassword:
    """Fetched before libvirt is asked, for a command may take its time."""
    secret, trouble = None, ""
    try:
        secret = _fetched(secrets, source, screen) if secrets.may_fetch(source) else None
    except ReconcilerError as error:
        trouble = str(error)
    told = attempt(link, lambda session: _shown(session, domain), "")
    if isinstance(told, Unknown):
        return SeenPassword(Password.SOME, trouble=told.message)
    persistent, live = told
    return SeenPassword(_judged(persistent, secret), _judged(live, secret) if live else None, trouble)


def _shown(session: Session, domain: SeenDomain) -> tuple[str, str]:
    handle = session.connection.lookupByUUIDString(domain.uuid)
    persistent = handle.XMLDesc(codes.DOMAIN_XML_INACTIVE | codes.DOMAIN_XML_SECURE)
    return persistent, handle.XMLDesc(codes.DOMAIN_XML_SECURE) if domain.is_active else ""


def _judged(xml: str, secret: Secret | None) -> Password:
    there = password_of(xml)
    if not there:
        return Password.NONE
    hide(there)
    if secret is None:
        return Password.SOME
    return Password.RIGHT if there == secret.reveal() else Password.WRONG


def _fetched(secrets: Secrets, source: SecretRef, screen: str) -> Secret:
    """Raises: PermanentError, TransientError."""
    secret = secrets.fetch(source)
    if screen == "vnc" and len(secret.reveal().encode()) > LONGEST_VNC:
        what = f"it is longer than the {LONGEST_VNC} bytes that VNC knows"
        raise PermanentError(f"cannot use the secret from {source}: {what}; write a shorter one, or type: spice")
    return secret


# --- setting ------------------------------------------------------------------------


def fetched(secrets: Secrets, action: SetPassword) -> Secret:
    """The password that the action names. Raises: PermanentError, TransientError."""
    return _fetched(secrets, action.source, action.screen)


def set_password(connection: lib.Connection, action: SetPassword, secret: Secret) -> None:
    """virDomainDefineXMLFlags, and virDomainUpdateDeviceFlags(LIVE) where what runs has a password already."""
    domain = connection.lookupByUUIDString(action.uuid)
    persistent = domain.XMLDesc(codes.DOMAIN_XML_INACTIVE | codes.DOMAIN_XML_SECURE)
    written = with_password(persistent, secret.reveal())
    if not written:
        raise PermanentError(f"cannot set the password of {action.object}: its definition has no screen")
    connection.defineXMLFlags(written, codes.DEFINE_VALIDATE)
    live = domain.XMLDesc(codes.DOMAIN_XML_SECURE) if domain.isActive() else ""
    if live and password_of(live):
        domain.updateDeviceFlags(screen_with_password(live, secret.reveal()), codes.AFFECT_LIVE)
