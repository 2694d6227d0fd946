"""Exports on a server whose exportfs is a script of ours, by way of this machine's own shell."""

import json
import os

import pytest

from reconciler.action import RemoveExport, WriteExport
from reconciler.errors import HostUnreachable, PermanentError
from reconciler.nfs import exports as exports_module
from reconciler.nfs import kernel
from reconciler.nfs.exports import file_name
from reconciler.nfs.kernel import KernelServer
from reconciler.shell import Shell

EXPORTFS = """\
#!/usr/bin/env python3
import json, sys
table, log = {table!r}, {log!r}
served = json.load(open(table))
words = sys.argv[1:]
open(log, "a").write(" ".join(words) + "\\n")
if words == ["-s"]:
    for key, options in served.items():
        client, path = key.rsplit(":", 1)
        print(f"{{path}}  {{client}}({{options}})")
elif words[0] == "-o":
    if words[3].endswith("/bad"):
        sys.exit("exportfs: Failed to stat /bad: No such file or directory")
    served[words[3]] = words[1]
elif words[0] == "-u":
    if served.pop(words[2], None) is None:
        sys.exit("exportfs: Could not find it to unexport.")
json.dump(served, open(table, "w"))
"""


class Machine:
    """A directory that stands for the server's /etc, and its exportfs."""

    def __init__(self, root):
        self.root = root
        (root / "table").write_text("{}")
        (root / "log").touch()
        tool = root / "bin" / "exportfs"
        tool.parent.mkdir()
        tool.write_text(EXPORTFS.format(table=str(root / "table"), log=str(root / "log")))
        tool.chmod(0o755)
        self.server = KernelServer("nas", Shell())

    @property
    def served(self):
        return json.loads((self.root / "table").read_text())

    def serve(self, **table):
        (self.root / "table").write_text(json.dumps(table))

    @property
    def log(self):
        return (self.root / "log").read_text().split("\n")[:-1]

    def files(self):
        return sorted(path.name for path in (self.root / "exports.d").iterdir())


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(exports_module, "DIRECTORY", str(tmp_path / "exports.d"))
    monkeypatch.setattr(kernel, "DIRECTORY", str(tmp_path / "exports.d"))
    monkeypatch.setattr(kernel, "EXPORTS", str(tmp_path / "exports"))
    return Machine(tmp_path)


def write(machine, *clients, directory="srv", options=("rw", "sync")):
    path = str(machine.root / directory)
    machine.server.write(WriteExport("nas", "images", "c", path, clients, options))
    return path


def remove(machine, *clients):
    machine.server.remove(RemoveExport("nas", "images", "c", str(machine.root / "srv"), clients))


def test_an_export_is_written_whole_and_put_in_force(machine):
    path = write(machine, "10.0.0.0/24", "10.0.1.0/24")
    assert os.path.isdir(path)
    assert machine.files() == [os.path.basename(file_name("c", "images"))]
    assert machine.served == {f"10.0.0.0/24:{path}": "rw,sync", f"10.0.1.0/24:{path}": "rw,sync"}
    assert "-ra" not in " ".join(machine.log)
    file = machine.root / "exports.d" / machine.files()[0]
    assert file.stat().st_mode & 0o777 == 0o644
    assert file.read_text().startswith("# reconciler: cluster=c pool=images;")


def test_a_client_that_is_named_no_more_is_out_of_force(machine):
    path = write(machine, "10.0.0.0/24", "10.0.1.0/24")
    write(machine, "10.0.1.0/24")
    assert machine.served == {f"10.0.1.0/24:{path}": "rw,sync"}


def test_writing_again_changes_nothing_but_what_differs(machine):
    path = write(machine, "10.0.0.0/24")
    machine.serve(**{f"10.0.0.0/24:{path}": "ro", "other:/theirs": "rw"})
    write(machine, "10.0.0.0/24")
    assert machine.served == {f"10.0.0.0/24:{path}": "rw,sync", "other:/theirs": "rw"}


def test_removing_leaves_other_peoples_exports(machine):
    write(machine, "10.0.0.0/24")
    machine.serve(**machine.served, **{"other:/theirs": "rw"})
    remove(machine, "10.0.0.0/24")
    assert machine.files() == []
    assert machine.served == {"other:/theirs": "rw"}


def test_what_a_foreign_line_exports_too_goes_on_as_it_says(machine):
    path = write(machine, "10.0.0.0/24")
    (machine.root / "exports").write_text(f"{path} 10.0.0.0/255.255.255.0(ro,sync)\n")
    remove(machine, "10.0.0.0/24")
    assert list(machine.served.values()) == ["ro,sync"]


def test_removing_what_is_gone_is_done(machine):
    (machine.root / "exports.d").mkdir()
    remove(machine, "10.0.0.0/24")
    assert machine.served == {}


def test_what_exportfs_refuses_is_said(machine):
    with pytest.raises(PermanentError, match="cannot write export/images@nas: exportfs: Failed to stat /bad"):
        write(machine, "10.0.0.0/24", directory="bad")


def test_a_directory_with_a_nasty_name_is_only_a_name(machine):
    path = write(machine, "10.0.0.0/24", directory="a b'; touch x #")
    assert os.path.isdir(path)
    assert not os.path.exists("x")
    lines = machine.server.read().ours
    assert [line.dir for _, _, line in lines] == [path]


def test_a_file_of_which_only_a_part_arrives_is_not_installed(machine, monkeypatch):
    write(machine, "10.0.0.0/24")
    before = (machine.root / "exports.d" / machine.files()[0]).read_text()
    once = Shell.once
    monkeypatch.setattr(
        Shell, "once", lambda self, script, words, text, limit: once(self, script, words, text[:9], limit)
    )
    with pytest.raises(PermanentError, match="only a part"):
        write(machine, "10.0.5.0/24")
    assert machine.files() == [os.path.basename(file_name("c", "images"))]
    assert (machine.root / "exports.d" / machine.files()[0]).read_text() == before


def test_a_machine_without_exportfs_is_unknown(machine):
    (machine.root / "bin" / "exportfs").unlink()
    with pytest.raises(HostUnreachable, match=r"cannot list the exports of host/nas: .*exportfs"):
        machine.server.read()
