"""Reading good documents: every legal way of writing them means the same."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.desired import Desired, Place, Ref
from reconciler.desired.documents import LabelSelector, Power
from reconciler.errors import DesiredStateError
from reconciler.load import Cache, load

EXAMPLE = Path(__file__).parents[2] / "desired-state"

HOST = """\
apiVersion: reconciler/v1
kind: Host
metadata:
  name: hv1
  labels: {rack: a}
spec:
  address: 10.0.0.1
  hypervisor:
    uri: qemu+ssh://root@hv1/system
"""


@pytest.fixture
def loaded(tmp_path: Path) -> Callable[[str | bytes], Desired]:
    """Load one file of this content."""

    def write(content: str | bytes) -> Desired:
        (tmp_path / "a.yaml").write_bytes(content if isinstance(content, bytes) else content.encode())
        return load(tmp_path)

    return write


def test_the_example_is_valid() -> None:
    desired = load(EXAMPLE)
    assert desired.cluster_name == "small-cloud"
    assert list(desired.hypervisors) == ["hv1", "hv2"]
    assert list(desired.servers) == ["nas"]
    assert list(desired.domains) == ["db-1", "web-1", "web-2"]
    assert desired.domains["db-1"].spec.protected
    assert desired.directory == str(EXAMPLE.resolve())
    assert desired.warnings == ()


def test_places_name_file_line_and_column(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    cluster = "  kind: Cluster\n  apiVersion: reconciler/v1\n  metadata: {name: c}\n"
    (tmp_path / "sub" / "a.yaml").write_text(f"# two\n---\n{HOST}---\n{cluster}")
    assert load(tmp_path).places == {
        Ref("cluster", "c"): Place("sub/a.yaml", 13, 3),
        Ref("host", "hv1"): Place("sub/a.yaml", 3, 1),
    }


def test_documents_are_sorted_by_name_wherever_they_stand(tmp_path: Path) -> None:
    for file, number in (("a", 3), ("b", 1), ("c", 2)):
        (tmp_path / f"{file}.yaml").write_text(HOST.replace("hv1", f"hv{number}").replace("0.1", f"0.{number}"))
    assert list(load(tmp_path).hosts) == ["hv1", "hv2", "hv3"]


def test_only_what_is_written_counts_as_set(loaded: Callable[[str], Desired]) -> None:
    spec = loaded(HOST).hosts["hv1"].spec
    assert spec.model_fields_set == {"address", "hypervisor"}
    assert spec.cordoned is False


FLOW = (
    '{"apiVersion": "reconciler/v1", "kind": "Host", "metadata": {"name": "hv1", "labels": {"rack": "a"}}, '
    '"spec": {"address": "10.0.0.1", "hypervisor": {"uri": "qemu+ssh://root@hv1/system"}}}'
)
SAME: dict[str, str | bytes] = {
    "a byte order mark": b"\xef\xbb\xbf" + HOST.encode(),
    "CRLF": HOST.replace("\n", "\r\n"),
    "CR": HOST.replace("\n", "\r"),
    "no end of line": HOST.rstrip(),
    "JSON": FLOW,
    "YAML 1.2": "%YAML 1.2\n---\n" + HOST,
    "an end marker": HOST + "...\n",
    "empty documents": f"---\n---\n# nothing\n---\n{HOST}---\n",
    "core tags": HOST.replace("rack: a", "rack: !!str a").replace("metadata:", "metadata: !!map"),
    "a tab after a colon": HOST.replace("address: ", "address:\t"),
    "quotes": HOST.replace("name: hv1", "'name': \"hv1\"").replace("kind: Host", 'kind: "H\\x6fst"'),
    "an explicit key": HOST.replace("name: hv1", "? name\n  : hv1"),
    "comments": HOST.replace("\n", " # comment\n"),
    "an anchor": HOST.replace("name: hv1", "name: &n hv1").replace("rack: a", "rack: &r a"),
    "folded text": HOST.replace("qemu+ssh://root@hv1/system", ">-\n      qemu+ssh://root@hv1/system"),
}


@pytest.mark.parametrize("form", SAME)
def test_every_legal_form_means_the_same(loaded: Callable[[str | bytes], Desired], form: str) -> None:
    assert loaded(SAME[form]).hosts == loaded(HOST).hosts


def test_aliases_and_merges_mean_what_they_stand_for(loaded: Callable[[str], Desired]) -> None:
    written = """\
apiVersion: reconciler/v1
kind: Host
metadata: &m
  name: hv1
  labels: &l {rack: a}
  annotations: {<<: [*l, {rack: b, note: x}], note: mine}
spec: {address: 10.0.0.1, hypervisor: {uri: "qemu:///system"}}
"""
    metadata = loaded(written).hosts["hv1"].metadata
    assert metadata.annotations == {"rack": "a", "note": "mine"}


def test_an_anchor_holds_for_its_document_only(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(HOST.replace("name: hv1", "name: &n hv1") + "---\nkind: *n\n")
    with pytest.raises(DesiredStateError, match=r"a.yaml:11:7: kind: the alias \*n has no anchor"):
        load(tmp_path)


def test_a_quoted_merge_key_is_a_name_like_any(loaded: Callable[[str], Desired]) -> None:
    metadata = loaded(HOST.replace("{rack: a}", '{"<<": a}')).hosts["hv1"].metadata
    assert metadata.labels == {"<<": "a"}


SCALARS = {
    "12:30": "12:30",
    "1_000": "1_000",
    "0x": "0x",
    "n": "n",
    "0.1.2": "0.1.2",
    "1.2.3-rc1": "1.2.3-rc1",
    "'0012'": "0012",
    '"off"': "off",
    "nothing": "nothing",
    "10.0.0.1": "10.0.0.1",
    "!!str 12": "12",
    "+": "+",
    ".": ".",
    "e3": "e3",
    "tomorrow, 2024-01-31": "tomorrow, 2024-01-31",
    "52:54:00:12:34:56": "52:54:00:12:34:56",
}


@pytest.mark.parametrize(("written", "text"), SCALARS.items())
def test_what_is_no_number_is_text(loaded: Callable[[str], Desired], written: str, text: str) -> None:
    assert loaded(HOST.replace("{rack: a}", f"\n    rack: {written}")).hosts["hv1"].labels == {"rack": text}


def test_numbers_of_the_core_schema(loaded: Callable[[str], Desired]) -> None:
    spec = loaded(
        HOST
        + "---\napiVersion: reconciler/v1\nkind: Cluster\nmetadata: {name: c}\nspec:\n"
        + "  limits: {deletes: 0x10, restarts: 0o17}\n  placement: {memoryOvercommit: 1, cpuOvercommit: 1.5e0}\n"
        + "  migration: {parallel: +3, bandwidth: ~, maxDowntime: 1m30s}\n"
    ).policy
    assert (spec.limits.deletes, spec.limits.restarts, spec.migration.parallel) == (16, 15, 3)
    assert (spec.placement.memory_overcommit, spec.placement.cpu_overcommit) == (1.0, 1.5)
    assert spec.migration.bandwidth is None
    assert spec.migration.max_downtime == 90


def test_what_every_field_of_a_domain_becomes(tmp_path: Path) -> None:
    """The document of the README's kind, all that is supported set."""
    desired = load(_all_fields(tmp_path))
    spec = desired.domains["web-1"].spec
    assert spec.power is Power.STOPPED
    assert spec.memory == 128 * 1024**2
    assert spec.interfaces[0].mac == "52:54:00:aa:bb:01"
    assert spec.placement.hosts == LabelSelector(match_labels={"rack": "a"})
    assert spec.placement.apart_from is not None
    assert spec.placement.apart_from.required
    assert spec.migration.max_downtime == 0.3
    assert spec.migration.model_fields_set == {"max_downtime"}
    assert desired.networks["lan"].spec.bridge_on == {"hv1": "br1"}
    assert desired.selected(spec.placement.hosts) == ("hv1",)
    assert desired.domains["web-1"].adopted


def _all_fields(directory: Path) -> Path:
    (directory / "a.yaml").write_text(
        HOST
        + """\
---
apiVersion: reconciler/v1
kind: Host
metadata: {name: nas}
spec: {address: "fd00::9", nfsServer: {ssh: "ssh://root@[fd00::9]:2222", manage: false}}
---
apiVersion: reconciler/v1
kind: Pool
metadata: {name: images}
spec:
  type: netfs
  source: {host: nas, dir: /srv/images}
  target: /srv/cloud
  export:
    clients: [10.0.0.0/24, "fd00::/64", "*.example.org", "@group", 10.0.0.0/255.255.255.0]
    options: [ro, "sec=krb5p:sys", fsid=0]
---
apiVersion: reconciler/v1
kind: Pool
metadata: {name: foreign}
spec: {type: netfs, source: {host: 10.0.0.200, dir: /export}, target: /srv/foreign, hosts: [hv1]}
---
apiVersion: reconciler/v1
kind: Network
metadata: {name: lan}
spec: {bridge: br0, bridgeOn: {hv1: br1}}
---
apiVersion: reconciler/v1
kind: Domain
metadata: {name: web-1, labels: {app: web}, annotations: {reconciler/adopt: "true", example.org/x: y}}
spec:
  power: stopped
  vcpus: 2
  memory: 128MiB
  cpu: host-model
  disks:
    - {name: root, pool: images, size: 1.5GiB, volume: root.raw, format: raw, bus: scsi, onDelete: keep}
    - {name: data, pool: foreign, size: 512B}
  interfaces: [{name: lan, network: lan, mac: "52:54:00:AA:BB:01", model: e1000e}]
  placement: {hosts: {matchLabels: {rack: a}}, apartFrom: {matchLabels: {app: web}, required: true}}
  onDrain: stop
  migration: {maxDowntime: 300ms}
  onChange: hold
  protected: true
  xml: []
"""
    )
    return directory


def test_a_cache_reads_each_content_once(tmp_path: Path) -> None:
    cache: Cache = {}
    (tmp_path / "a.yaml").write_text(HOST)
    first = load(tmp_path, cache=cache)
    again = load(tmp_path, cache=cache)
    assert again == first
    assert again.hosts["hv1"] is first.hosts["hv1"]
    (tmp_path / "a.yaml").write_text(HOST.replace("rack: a", "rack: b"))
    assert load(tmp_path, cache=cache).hosts["hv1"].labels == {"rack": "b"}
    assert len(cache) == 1


def test_a_cache_remembers_problems_without_their_file(tmp_path: Path) -> None:
    cache: Cache = {}
    text = HOST.replace("address", "adress") + "metadata: {}\n"
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(text)
        with pytest.raises(DesiredStateError) as caught:
            load(tmp_path, cache=cache)
        assert {problem.file for problem in caught.value.problems} == {name}
        assert any(f"first at {name}:3:1" in problem.message for problem in caught.value.problems)
        (tmp_path / name).unlink()


def test_reading_documents_loads_nothing_that_it_does_not_need() -> None:
    heavy = "{'libvirt', 'lxml', 'deepdiff', 'watchfiles', 'tenacity', 'rich', 'click', 'difflib'}"
    check = f"import sys; from reconciler.load import load; print(sorted({heavy} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert told.stdout == "[]\n"


def test_local_test_uris_are_machines_of_their_own(tmp_path: Path) -> None:
    for number in (1, 2):
        host = HOST.replace("hv1", f"hv{number}").replace("0.1", f"0.{number}")
        (tmp_path / f"{number}.yaml").write_text(host.replace(f"qemu+ssh://root@hv{number}/system", "test:///default"))
    assert len(load(tmp_path).hosts) == 2


def test_a_domain_on_its_way_out_may_name_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        HOST + "---\napiVersion: reconciler/v1\nkind: Domain\nmetadata: {name: a}\n"
        "spec: {state: absent, vcpus: 1, memory: 1GiB, disks: [{name: root, pool: gone, size: 1GiB}]}\n"
    )
    assert "a" in load(tmp_path).domains
