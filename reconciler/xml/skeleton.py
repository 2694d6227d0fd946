"""A new domain before its document's fields are merged in."""

from reconciler.desired import derive
from reconciler.desired.documents import Domain
from reconciler.observed import CpuFacts, HostFacts
from reconciler.xml.kinds import CPU
from reconciler.xml.table import DOMAIN
from reconciler.xml.tree import Element, element, empty, insert, parse_for_edit, reach, render, set_text

SPARE_PORTS = 8
"""PCIe ports left for devices that are added while the domain runs; libvirt by itself keeps one."""

_OWN_PORTS = 4
"""For what stands in the template: the controllers of USB and serial lines, the balloon, the random numbers."""

_MACHINES = {"x86_64": "q35", "i686": "q35", "aarch64": "virt"}
"""Those with PCIe; a guest of another architecture gets libvirt's default machine, and no ports."""

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
    <serial type="pty"/>
    <console type="pty"/>
    <channel type="unix">
      <target type="virtio" name="org.qemu.guest_agent.0"/>
    </channel>
    <memballoon model="virtio"/>
    <rng model="virtio">
      <backend model="random">/dev/urandom</backend>
    </rng>
  </devices>
</domain>
"""


def skeleton(domain: Domain, cluster: str, facts: HostFacts, cpu: CpuFacts | None) -> str:
    """What every new domain has, without what its document says.

    `cpu`: what `cpu: baseline` comes to; None, or one without a model, leaves the hypervisor's own default.
    Addresses are libvirt's to give.
    """
    root = parse_for_edit(_TEMPLATE)
    root.set("type", facts.virt_type)
    set_text(reach(root, "name"), domain.name)
    set_text(reach(root, "uuid"), derive.object_uuid(cluster, "domain", domain.name))
    kind = reach(root, "os", "type")
    kind.set("arch", facts.arch)
    machine, devices = _MACHINES.get(facts.arch), reach(root, "devices")
    if machine != "q35":
        empty(root, "features", "pm")
    if machine:
        kind.set("machine", machine)
        _add_ports(devices, len(domain.spec.disks) + len(domain.spec.interfaces))
    else:
        empty(devices, "controller")
    if cpu is not None and cpu.model and domain.spec.cpu == "baseline":
        _write_baseline(root, cpu)
    return render(root)


def _add_ports(devices: Element, wanted: int) -> None:
    for _ in range(_OWN_PORTS + wanted + SPARE_PORTS):
        insert(devices, element("controller", type="pci", model="pcie-root-port"))


def _write_baseline(root: Element, cpu: CpuFacts) -> None:
    """The model by the table, then what the candidates have beside it."""
    field = next(field for field in DOMAIN if field.kind is CPU)
    CPU.write(root, field, cpu.model)
    made = field.reach(root)
    for name, policy in cpu.features:
        insert(made, element("feature", policy=policy, name=name))
