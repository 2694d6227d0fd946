"""exports(5): reading, judging, writing."""

import pytest

from reconciler.nfs.exports import (
    client_path,
    effective,
    file_name,
    file_text,
    normal_client,
    owner,
    read_lines,
    spelled,
)
from reconciler.nfs.kernel import Exports, read_answer
from reconciler.nfs.servers import seen_exports


def said(text: str) -> list[tuple[str, str, str]]:
    return [(line.dir, line.client, line.said) for line in read_lines(text)]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("/srv 10.0.0.0/24(rw,sync)\n", [("/srv", "10.0.0.0/24", "rw,sync")]),
        ("/srv a(rw) *.b.c(ro) @net\n", [("/srv", "a", "rw"), ("/srv", "*.b.c", "ro"), ("/srv", "@net", "")]),
        ("/srv -sync,rw a b(ro)", [("/srv", "a", "sync,rw"), ("/srv", "b", "sync,rw,ro")]),
        ("/srv", [("/srv", "*", "")]),
        ("/srv (ro)", [("/srv", "*", "ro")]),
        ("/srv/ a(rw)", [("/srv", "a", "rw")]),
        ("/ a", [("/", "a", "")]),
        ("# comment\n\n  \n/srv a(rw) # tail\n", [("/srv", "a", "rw")]),
        ('"/srv/with blank" a(rw)', [("/srv/with blank", "a", "rw")]),
        ('"/srv/with # in it" a(rw)', [("/srv/with # in it", "a", "rw")]),
        (r"/srv/with\040blank a(rw)", [("/srv/with blank", "a", "rw")]),
        ("/srv a(rw) \\\n  b(ro)\n/two c\n", [("/srv", "a", "rw"), ("/srv", "b", "ro"), ("/two", "c", "")]),
        ("/srv fd00::/64(rw)", [("/srv", "fd00::/64", "rw")]),
        (
            "/srv  10.0.0.0/24(sync,wdelay,sec=sys,rw,secure)",
            [("/srv", "10.0.0.0/24", "sync,wdelay,sec=sys,rw,secure")],
        ),
        ("", []),
        ('"', []),
        ("\\", [("\\", "*", "")]),
    ],
)
def test_reading(text, lines):
    assert said(text) == lines


@pytest.mark.parametrize(
    ("words", "holds", "holds_not"),
    [
        ("", {"ro", "sync", "root_squash", "no_subtree_check", "secure", "hide", "anonuid=65534", "sec=sys"}, {"rw"}),
        ("rw,no_root_squash", {"rw", "no_root_squash", "sync"}, {"ro", "root_squash"}),
        ("ro,rw", {"rw"}, {"ro"}),
        ("async,crossmnt,fsid=0", {"async", "crossmnt", "fsid=0"}, {"sync", "nocrossmnt"}),
        ("insecure_locks", {"insecure_locks", "no_auth_nlm"}, {"auth_nlm", "secure_locks"}),
        ("mp=/x,anonuid=99", {"mountpoint=/x", "anonuid=99"}, {"anonuid=65534"}),
        ("security_label, rw ", {"security_label", "rw"}, set()),
    ],
)
def test_options_in_force(words, holds, holds_not):
    found = effective(words.split(","))
    assert holds <= found
    assert not holds_not & found


@pytest.mark.parametrize(
    ("client", "normal"),
    [
        ("10.0.0.0/24", "10.0.0.0/24"),
        ("10.0.0.0/255.255.255.0", "10.0.0.0/24"),
        ("10.0.0.5/32", "10.0.0.5"),
        ("FD00:0::/64", "fd00::/64"),
        ("Host.Example", "host.example"),
        ("*", "*"),
        ("@Group", "@group"),
    ],
)
def test_clients_have_one_spelling(client, normal):
    assert normal_client(client) == normal


def test_ipv6_clients_stand_in_brackets_for_exportfs():
    assert client_path("fd00::/64", "/srv") == "[fd00::]/64:/srv"
    assert client_path("fd00::5", "/srv") == "[fd00::5]:/srv"
    assert client_path("10.0.0.0/24", "/srv") == "10.0.0.0/24:/srv"


def test_our_file_reads_back():
    text = file_text("c", "images", "/srv/with blank", ("10.0.0.0/24", "10.0.1.0/24"), ("rw", "sync"))
    assert owner(file_name("c", "images"), text) == ("c", "images")
    assert said(text) == [("/srv/with blank", "10.0.0.0/24", "rw,sync"), ("/srv/with blank", "10.0.1.0/24", "rw,sync")]


def test_a_mark_in_another_file_is_not_ours():
    text = file_text("c", "images", "/srv", ("*",), ("rw",))
    assert owner("/etc/exports.d/other.exports", text) is None
    assert owner(file_name("c", "other"), text) is None
    assert owner(file_name("c", "images"), "/srv *(rw)\n") is None


def test_names_that_look_alike_have_different_files():
    assert file_name("a", "b-c") != file_name("a-b", "c")
    assert file_name("a", "b").endswith(".exports")


MARK = "0123456789abcdef"


def exports(files: dict[str, str], served: str, real: dict[str, str] | None = None) -> Exports:
    sections = [f"\n{MARK} file {path}\n{text}" for path, text in files.items()]
    sections += [f"\n{MARK} real {given}\n{found}\n" for given, found in (real or {}).items()]
    return read_answer("".join([*sections, f"\n{MARK} served\n{served}"]), MARK)


OURS = {file_name("c", "images"): file_text("c", "images", "/srv", ("10.0.0.0/24",), ("rw", "no_root_squash"))}
SERVED = "/srv  10.0.0.0/24(sync,wdelay,hide,no_subtree_check,sec=sys,rw,secure,no_root_squash,no_all_squash)\n"


def test_what_is_written_and_served():
    seen = seen_exports(exports(OURS, SERVED), "c", {})
    assert list(seen) == ["/srv 10.0.0.0/24"]
    export = seen["/srv 10.0.0.0/24"]
    assert (export.ours, export.served) == ("images", True)
    assert {"rw", "no_root_squash", "sync"} <= export.options


def test_what_is_only_written():
    export = seen_exports(exports(OURS, ""), "c", {})["/srv 10.0.0.0/24"]
    assert (export.ours, export.served) == ("images", False)
    assert "rw" in export.options


def test_what_is_in_force_counts_where_it_differs_from_what_is_written():
    export = seen_exports(exports(OURS, SERVED.replace("rw,", "ro,")), "c", {})["/srv 10.0.0.0/24"]
    assert "ro" in export.options
    assert "rw" not in export.options


def test_other_peoples_lines_and_clusters_are_not_ours():
    theirs = {"/etc/exports": "/srv 10.0.9.0/24(ro)\n", file_name("b", "x"): file_text("b", "x", "/x", ("*",), ("rw",))}
    seen = seen_exports(exports({**OURS, **theirs}, SERVED + "/adhoc  host(ro)\n"), "c", {})
    assert {key: export.ours for key, export in seen.items()} == {
        "/adhoc host": "",
        "/srv 10.0.0.0/24": "images",
        "/srv 10.0.9.0/24": "",
        "/x *": "",
    }


def test_clients_and_directories_are_spelled_as_in_the_documents():
    told = exports({}, "/mnt/disk/srv  10.0.0.0/24(rw)\n", {"/srv": "/mnt/disk/srv"})
    assert list(seen_exports(told, "c", spelled(["10.0.0.0/255.255.255.0"]))) == ["/srv 10.0.0.0/255.255.255.0"]


def test_warnings_of_exportfs_are_no_exports():
    noise = "exportfs: /etc/exports.d/x [1]: Neither 'subtree_check' ...\n  Assuming default behaviour\n"
    assert list(seen_exports(exports(OURS, noise + SERVED), "c", {})) == ["/srv 10.0.0.0/24"]
