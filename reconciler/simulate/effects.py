"""What each action does to the simulated world; one short function each, found by the action's class."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from reconciler import action as actions
from reconciler import live_action as live
from reconciler.action import Action
from reconciler.copying import CopyImage
from reconciler.simulate import devices, domains, networks, passwords, storage, tuning
from reconciler.simulate.machines import ExportLine, File, Hypervisor, NfsServer
from reconciler.simulate.refusal import invalid
from reconciler.simulate.sight import EXPORT_FILE
from reconciler.simulate.world import World
from reconciler.xml import domain as domain_xml

Effect = Callable[[World, Hypervisor, Any], object]


def write_export(world: World, server: NfsServer, action: actions.WriteExport) -> None:
    lines = tuple(ExportLine(action.dir, client, frozenset(action.options)) for client in action.clients)
    storage.write_export(world, server, EXPORT_FILE.format(cluster=action.cluster, pool=action.name), lines)


def remove_export(world: World, server: NfsServer, action: actions.RemoveExport) -> None:
    storage.remove_export(world, server, EXPORT_FILE.format(cluster=action.cluster, pool=action.name))


def create_volume(world: World, hypervisor: Hypervisor, action: actions.CreateVolume) -> None:
    made = File(world.next_number(), action.capacity, action.format, action.backing)
    storage.create_volume(world, hypervisor, action.pool, action.volume, made)


def copy_image(world: World, hypervisor: Hypervisor, action: CopyImage) -> None:
    """virStorageVolCreateXMLFrom between the making and the deletion of its note; what lay beside that goes first."""
    listed = storage.pool(hypervisor, action.pool).listed
    if action.note not in listed:
        if action.volume in listed:
            raise invalid(f"{action.volume} is no half copy")
        note = File(world.next_number(), 1024, "raw")
        storage.create_volume(world, hypervisor, action.pool, action.note, note)
    elif action.volume in listed:
        storage.delete_volume(world, hypervisor, action.pool, action.volume)
    made = File(world.next_number(), action.capacity, action.format)
    storage.create_volume(world, hypervisor, action.pool, action.volume, made)
    storage.delete_volume(world, hypervisor, action.pool, action.note)


def grow_disk(world: World, hypervisor: Hypervisor, action: actions.GrowDisk) -> None:
    """virDomainBlockResize, after a look at how much it has."""
    found = domains.domain(hypervisor, action.uuid, action.domain)
    if not found.is_active:
        raise invalid("domain is not running")
    storage.grow(world, hypervisor, action.pool, action.volume, action.capacity)


def record_disks(world: World, hypervisor: Hypervisor, action: actions.RecordDisks) -> None:
    """virDomainSetMetadata on both definitions."""
    found = domains.domain(hypervisor, action.uuid, action.name)
    mark = action.mark
    if found.xml is not None:
        found.xml = domain_xml.merge(found.xml, {}, sources={}, mark=mark)
    if found.live is not None:
        found.live = domain_xml.merge(found.live, {}, sources={}, mark=mark)
    names = ", ".join(f"{made.name} (detached)" if made.detached else made.name for made in mark.made) or "none"
    words = "adopted with its disks" if isinstance(action, actions.AdoptDomain) else "disks recorded"
    world.tell(hypervisor.name, f"domain/{found.name}", f"{words}: {names}")


def record_restart(world: World, hypervisor: Hypervisor, action: live.RecordRestart) -> None:
    """virDomainSetMetadata of the mark that is there by now, on both definitions."""
    found = domains.domain(hypervisor, action.uuid, action.name)
    mark = domain_xml.read(found.xml or "<domain/>").mark
    if mark is None or found.xml is None:
        raise invalid("it does not carry our mark")
    mark = replace(mark, restarted_for=action.cause)
    found.xml = domain_xml.merge(found.xml, {}, sources={}, mark=mark)
    if found.live is not None:
        found.live = domain_xml.merge(found.live, {}, sources={}, mark=mark)
    world.tell(hypervisor.name, f"domain/{found.name}", "restart recorded")


def rename_domain(world: World, hypervisor: Hypervisor, action: actions.RenameDomain) -> None:
    """virDomainRename where it has the old name still, then virDomainSetMetadata."""
    found = domains.domain(hypervisor, action.uuid, action.former)
    if found.name != action.name:
        domains.rename(world, hypervisor, action.uuid, action.name)
    assert found.xml is not None, "what was renamed has a definition"
    found.xml = domain_xml.merge(found.xml, {}, sources={}, mark=action.mark)


def undefine_domain(world: World, hypervisor: Hypervisor, action: actions.UndefineDomain) -> None:
    """The real edge asks first whether it is off: libvirt would let a running one go on without a definition."""
    if domains.domain(hypervisor, action.uuid, action.name).is_active:
        raise invalid("domain is active")
    domains.undefine(world, hypervisor, action.uuid)


ON_SERVER: Mapping[type[Action], Callable[[World, NfsServer, Any], None]] = {
    actions.WriteExport: write_export,
    actions.RemoveExport: remove_export,
}

ON_HYPERVISOR: Mapping[type[Action], Effect] = {
    actions.DefinePool: lambda w, h, a: storage.define_pool(w, h, a.xml),
    actions.BuildPool: lambda w, h, a: storage.build_pool(w, h, a.name),
    actions.StartPool: lambda w, h, a: storage.start_pool(w, h, a.name),
    actions.RefreshPool: lambda w, h, a: storage.refresh_pool(w, h, a.name),
    actions.StopPool: lambda w, h, a: storage.stop_pool(w, h, a.name),
    actions.UndefinePool: lambda w, h, a: storage.undefine_pool(w, h, a.name),
    actions.CreateVolume: create_volume,
    actions.MakeClaim: create_volume,
    CopyImage: copy_image,
    actions.DeleteVolume: lambda w, h, a: storage.delete_volume(w, h, a.pool, a.volume),
    actions.GrowVolume: lambda w, h, a: storage.grow(w, h, a.pool, a.volume, a.capacity),
    actions.GrowDisk: grow_disk,
    actions.DefineNetwork: lambda w, h, a: networks.define_network(w, h, a.xml),
    actions.StartNetwork: lambda w, h, a: networks.start_network(w, h, a.name),
    actions.StopNetwork: lambda w, h, a: networks.stop_network(w, h, a.name),
    actions.UndefineNetwork: lambda w, h, a: networks.undefine_network(w, h, a.name),
    actions.DefineDomain: passwords.define_domain,
    actions.SetPassword: passwords.set_password,
    actions.RecordDisks: record_disks,
    actions.AdoptDomain: record_disks,
    actions.RenameDomain: rename_domain,
    live.RecordRestart: record_restart,
    actions.StartDomain: lambda w, h, a: domains.start(w, h, a.uuid),
    actions.ResumeDomain: lambda w, h, a: domains.resume(w, h, a.uuid),
    actions.ShutdownDomain: lambda w, h, a: domains.shutdown(w, h, a.uuid),
    actions.DestroyHusk: lambda w, h, a: domains.destroy_husk(w, h, a.uuid),
    actions.ClearAutostart: lambda w, h, a: domains.set_autostart(w, h, a.uuid, starts=False),
    actions.UndefineDomain: undefine_domain,
    actions.ReleaseDisks: record_disks,
    actions.AttachDevice: devices.attach_device,
    actions.DetachDevice: devices.detach_device,
    actions.UpdateDevice: devices.update_device,
    actions.LimitDisk: devices.change_live,
    live.PlugVcpus: tuning.plug_vcpus,
    live.PlugMemory: tuning.plug_memory,
    live.PinCpus: tuning.change_live,
    live.SetTexts: tuning.change_live,
    live.SetStatsPeriod: tuning.change_live,
}

SECONDS: Mapping[type[Action], float] = {
    actions.StartPool: 0.3,
    actions.StartDomain: 0.7,
    actions.CreateVolume: 0.2,
    actions.MakeClaim: 0.1,
}
"""How long a call takes, where it is not QUICK_S."""

QUICK_S = 0.1
