"""A new domain before its document's fields are merged in."""

from reconciler.desired import derive
from reconciler.desired.documents import Domain
from reconciler.observed import CpuFacts, HostFacts
from reconciler.xml.machine import CPU, family
from reconciler.xml.table import DOMAIN
from reconciler.xml.tree import Element, element, empty, insert, parse_for_edit, reach, render, set_text

SPARE_PORTS = 8
"""PCIe ports left for devices that are added while the domain runs; libvirt by itself keeps one."""

_OWN_PORTS = 4
"""For what stands in the template: the controllers of USB and serial lines, the balloon, the random numbers."""

_MACHINES = {"x86_64": "q35", "i686": "q35", "aarch64": "virt"}
"""A guest of another architecture gets libvirt's default machine."""

_PCIE = frozenset(("pc-q35", "virt"))
"""Families of machines with PCIe; others get no ports."""

_NATIVE = frozenset((("x86_64", "i686"), ("aarch64", "armv7l"), ("ppc64le", "ppc64")))
"""(host, guest): what a host can run by itself beside its own architecture."""

_TEMPLATE = """\
<domain>
  <name/>
  <uuid/>
  <os>
    <type>hvm</type>
    <boot dev="hd"/>
  </os>
  <features>
    <acpi/>
    <apic/>
  </features>
  <clock offset="utc"/>
  <on_poweroff>destroy</on_poweroff>
  <on_reboot>restart</on_reboot>
  <on_crash>destroy</on_crash>
  <pm>
    <suspend-to-mem enabled="no"/>
    <suspend-to-disk enabled="no"/>
  </pm>
  <devices>
    <controller type="usb" model="qemu-xhci"/>
    <controller type="pci" model="pcie-root"/>
    <memballoon model="virtio"/>
  </devices>
</domain>
"""


def skeleton(domain: Domain, cluster: str, facts: HostFacts, cpu: CpuFacts | None) -> str:
    """What every new domain has, without what its document says.

    `cpu`: what `cpu: baseline` comes to; None, or one without a model, leaves the hypervisor's own default.
    Addresses are libvirt's to give.
    """
    root, arch = parse_for_edit(_TEMPLATE), domain.spec.arch or facts.arch
    is_native = arch == facts.arch or (facts.arch, arch) in _NATIVE
    root.set("type", facts.virt_type if is_native else "qemu")
    set_text(reach(root, "name"), domain.name)
    set_text(reach(root, "uuid"), derive.object_uuid(cluster, "domain", domain.name))
    kind = reach(root, "os", "type")
    kind.set("arch", arch)
    machine, devices = domain.spec.machine or _MACHINES.get(arch, ""), reach(root, "devices")
    if arch not in ("x86_64", "i686"):
        empty(root, "features", "pm")
    if machine:
        kind.set("machine", machine)
    if family(machine) in _PCIE:
        _add_ports(devices, len(domain.spec.disks) + len(domain.spec.interfaces) + _scsi_of_drives(domain))
    else:
        empty(devices, "controller")
    if cpu is not None and cpu.model and is_native and domain.spec.cpu == "baseline":
        _write_baseline(root, cpu)
    return render(root)


def _add_ports(devices: Element, wanted: int) -> None:
    for _ in range(_OWN_PORTS + wanted + SPARE_PORTS):
        insert(devices, element("controller", type="pci", model="pcie-root-port"))


def _scsi_of_drives(domain: Domain) -> int:
    """Ports for a controller that no disk is counted for."""
    return int(any(drive.bus == "scsi" for drive in domain.spec.drives))


def _write_baseline(root: Element, cpu: CpuFacts) -> None:
    """The model by the table, then what the candidates have beside it."""
    field = next(field for field in DOMAIN if field.kind is CPU)
    CPU.write(root, field, cpu.model)
    made = field.reach(root)
    for name, policy in cpu.features:
        insert(made, element("feature", policy=policy, name=name))
