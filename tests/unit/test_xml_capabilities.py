"""What a hypervisor can do, and the CPU that several have in common."""

import itertools

import pytest

from reconciler.observed import Cell, CpuFacts, Offer
from reconciler.xml.capabilities import (
    AMD,
    ANY,
    INTEL,
    Capabilities,
    baseline,
    read_capabilities,
    read_domain_capabilities,
)

CAPABILITIES = """<capabilities>
  <host>
    <uuid>3078ad7d-a537-4873-b21c-97ea812902c1</uuid>
    <cpu>
      <arch>x86_64</arch>
      <model>kvm64</model>
      <topology sockets='1' dies='2' cores='4' threads='2'/>
    </cpu>
    <topology><cells num='2'>
      <cell id='0'>
        <pages unit='KiB' size='4'>1000</pages>
        <pages unit='KiB' size='1048576'>4</pages>
        <pages unit='KiB' size='2048'>512</pages>
        <cpus num='3'><cpu id='0'/><cpu id='1'/><cpu id='2'/></cpus></cell>
      <cell id='1'><cpus num='1'><cpu id='3'/></cpus></cell>
    </cells></topology>
  </host>
  <guest><os_type>hvm</os_type><arch name='i686'><domain type='qemu'/><domain type='xen'/></arch></guest>
  <guest><os_type>hvm</os_type><arch name='x86_64'>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <machine maxCpus='255'>pc-i440fx-7.2</machine>
    <machine canonical='pc-i440fx-7.2' maxCpus='255'>pc</machine>
    <domain type='qemu'/>
    <domain type='kvm'>
      <emulator>/usr/bin/qemu-kvm</emulator>
      <machine maxCpus='288'>pc-q35-7.2</machine>
      <machine canonical='pc-q35-7.2' maxCpus='288'>q35</machine>
    </domain>
  </arch></guest>
</capabilities>"""

DOMAIN_CAPABILITIES = """<domainCapabilities>
  <domain>qemu</domain>
  <cpu>
    <mode name='host-passthrough' supported='no'/>
    <mode name='host-model' supported='yes'>
      <model fallback='forbid'>EPYC</model>
      <vendor>AMD</vendor>
      <feature policy='require' name='vaes'/>
      <feature policy='disable' name='acpi'/>
    </mode>
    <mode name='custom' supported='yes'>
      <model usable='yes' vendor='unknown'>qemu64</model>
      <model usable='no' vendor='AMD'>EPYC</model>
      <model usable='yes' vendor='Intel'>Penryn</model>
      <model usable='unknown' vendor='Intel'>Conroe</model>
    </mode>
  </cpu>
</domainCapabilities>"""


def test_capabilities_of_a_host() -> None:
    found = read_capabilities(CAPABILITIES)
    assert (found.uuid, found.arch, found.cpus) == ("3078ad7d-a537-4873-b21c-97ea812902c1", "x86_64", 4)
    assert found.virt_types == ("kvm", "qemu")


def test_what_each_architecture_is_offered() -> None:
    offers = dict(read_capabilities(CAPABILITIES).offers)
    assert offers["i686"] == Offer()
    machines = frozenset({"pc", "pc-i440fx-7.2", "q35", "pc-q35-7.2"})
    assert offers["x86_64"] == Offer(machines, frozenset({"/usr/bin/qemu-system-x86_64", "/usr/bin/qemu-kvm"}))


def test_nodes_have_cpus_and_huge_pages() -> None:
    sizes = ((4096, 1000), (2 << 20, 512), (1 << 30, 4))
    assert read_capabilities(CAPABILITIES).cells == (Cell(0, frozenset({0, 1, 2}), sizes), Cell(1, frozenset({3})))


def test_cpus_are_counted_by_topology_where_no_cell_is_told() -> None:
    without = CAPABILITIES.replace("<cells num='2'>", "<none>").replace("</cells>", "</none>")
    assert read_capabilities(without).cpus == 16
    assert read_capabilities("<capabilities><host/></capabilities>") == Capabilities("", "", 0)
    assert read_capabilities("<capabilities/>") == Capabilities("", "", 0)


def test_domain_capabilities() -> None:
    features = (("acpi", "disable"), ("vaes", "require"))
    expected = CpuFacts("EPYC", features, frozenset({"qemu64", "Penryn"}))
    assert read_domain_capabilities(DOMAIN_CAPABILITIES) == expected


@pytest.mark.parametrize(
    "xml",
    [
        "<domainCapabilities/>",
        DOMAIN_CAPABILITIES.replace("'host-model' supported='yes'", "'host-model' supported='no'"),
    ],
)
def test_no_host_model(xml: str) -> None:
    assert read_domain_capabilities(xml).model == ""


# --- baseline ---------------------------------------------------------------

FEATURES = (("invtsc", "require"), ("pcid", "require"), ("xsaves", "disable"))


def cpu(model: str, *usable: str, features: tuple[tuple[str, str], ...] = ()) -> CpuFacts:
    return CpuFacts(model, features, frozenset(usable))


def test_equal_hosts_give_their_own_cpu_without_what_ties_a_guest_to_one() -> None:
    one = cpu("EPYC", "EPYC", "qemu64", features=FEATURES)
    other = cpu("EPYC", "qemu64", features=FEATURES)
    expected = cpu("EPYC", "qemu64", features=(("pcid", "require"), ("xsaves", "disable")))
    assert baseline([one, other]) == expected
    assert baseline([one]) is not None


@pytest.mark.parametrize(
    ("cpus", "model"),
    [
        ([], None),
        ([cpu("EPYC-Rome", "EPYC-Rome", "EPYC"), cpu("EPYC", "EPYC", "qemu64")], "EPYC"),
        (
            [cpu("Haswell", "Haswell", "Penryn"), cpu("Icelake-Server", "Icelake-Server", "Haswell", "Penryn")],
            "Haswell",
        ),
        ([cpu("EPYC", features=FEATURES), cpu("EPYC")], None),
        ([cpu("EPYC", "Penryn", "EPYC", "kvm64"), cpu("Haswell", "Penryn", "EPYC", "kvm64")], "kvm64"),
        ([cpu("EPYC", "Penryn"), cpu("Haswell", "Penryn")], None),
        ([cpu("kvm64", "Penryn", "qemu64"), cpu("EPYC", "Penryn", "Opteron_G2")], None),
        ([cpu("kvm64", "Penryn", "Opteron_G2"), cpu("EPYC", "Penryn", "Opteron_G2")], "Opteron_G2"),
        ([cpu("a", "Penryn", "qemu64"), cpu("b", "Penryn", "qemu64", "kvm64")], "Penryn"),
        ([cpu(""), cpu("")], None),
        ([cpu("", "qemu64"), cpu("", "qemu64")], "qemu64"),
    ],
)
def test_what_different_hosts_have_in_common(cpus: list[CpuFacts], model: str | None) -> None:
    for ordered in itertools.permutations(cpus):
        found = baseline(ordered)
        assert (found.model if found else None) == model
        assert found is None or found.features == ()


def test_no_model_is_ranked_twice() -> None:
    ranked = (*INTEL, *AMD, *ANY)
    assert len(set(ranked)) == len(ranked)
