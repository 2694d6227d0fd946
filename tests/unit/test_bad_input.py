"""Every way in which documents can be bad, each with the exact words: one folder of `tests/bad` a fault.

What git cannot hold (FIFOs, devices, links, huge files) is made here.
"""

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ruamel.yaml.error import YAMLError

from reconciler.errors import DesiredStateError, Problem
from reconciler.load import files, lines, load, loading, parse
from reconciler.load.checks import objects, world

CASES = sorted(path.parent for path in (Path(__file__).parents[1] / "bad").glob("*/expected.txt"))

HOST = """\
apiVersion: reconciler/v1
kind: Host
metadata: {name: hv1}
spec: {address: 10.0.0.1, hypervisor: {uri: "qemu+ssh://root@hv1/system"}}
"""


def problems(directory: Path) -> list[str]:
    """What a person is told about `directory`, with its name left out."""
    with pytest.raises(DesiredStateError) as caught:
        load(directory)
    return [line.replace(str(directory), "DIR") for line in lines(caught.value)]


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_bad_documents_are_refused_in_these_words(case: Path, golden: Callable[[Path, str], None]) -> None:
    golden(case / "expected.txt", "\n".join(problems(case)) + "\n")


def test_there_are_cases() -> None:
    assert len(CASES) > 120


# --- row 1: odd files ------------------------------------------------------


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    """A valid directory, and something beside it that must not be read."""
    directory = tmp_path / "dir"
    directory.mkdir()
    (directory / "hv1.yaml").write_text(HOST)
    (tmp_path / "secret").write_text("hunter2")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "x.yaml").write_text("hunter2: [")
    return directory


def make_socket(path: Path) -> None:
    here = os.getcwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


ODD_FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "fifo": (os.mkfifo, "is a FIFO, not a file"),
    "socket": (make_socket, "is a socket, not a file"),
    "dangling": (
        lambda path: path.symlink_to("nothing.yaml"),
        'is a link that cannot be followed, to "nothing.yaml": no such file or directory',
    ),
    "loop": (
        lambda path: path.symlink_to(path.name),
        'is a link that cannot be followed, to "a.yaml": too many levels of symbolic links',
    ),
    "leaves": (lambda path: path.symlink_to("../secret"), 'is a link that leaves the directory, to "../secret"'),
    "device": (lambda path: path.symlink_to("/dev/zero"), 'is a link that leaves the directory, to "/dev/zero"'),
    "proc": (
        lambda path: path.symlink_to("/proc/self/environ"),
        'is a link that leaves the directory, to "/proc/self/environ"',
    ),
}


@pytest.mark.parametrize("name", ODD_FILES)
@pytest.mark.timeout(60)
def test_odd_files_are_refused_by_name(documents: Path, name: str) -> None:
    make, message = ODD_FILES[name]
    make(documents / "a.yaml")
    assert problems(documents) == [f"a.yaml:1:1: {message}"]


def test_a_device_among_the_documents_is_never_opened(documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only root makes devices, so a file of ours is given the looks of one."""
    (documents / "a.yaml").write_text("kind: Host\n")
    looks = {str(documents / "a.yaml"): os.lstat("/dev/zero")}
    monkeypatch.setattr(files.os, "lstat", lambda path, look=os.lstat: looks.get(path) or look(path))
    assert problems(documents) == ["a.yaml:1:1: is a device, not a file"]


@pytest.mark.timeout(60)
def test_a_file_that_became_a_device_is_not_read() -> None:
    assert files._content("/dev/zero") is None


def test_a_link_to_a_directory_outside_is_refused(documents: Path) -> None:
    (documents / "more").symlink_to("../outside")
    assert problems(documents) == ['more:1:1: is a link that leaves the directory, to "../outside"']


def test_links_that_stay_inside_count_once(documents: Path) -> None:
    (documents / "again.yaml").symlink_to("hv1.yaml")
    (documents / "hard.yaml").hardlink_to(documents / "hv1.yaml")
    (documents / "self").symlink_to(".")
    (documents / "sub").mkdir()
    (documents / "sub" / "up").symlink_to("..")
    assert list(load(documents).hosts) == ["hv1"]


def test_a_link_into_a_hidden_directory_is_read(documents: Path) -> None:
    """So Kubernetes mounts a ConfigMap."""
    (documents / "..data").mkdir()
    (documents / "hv1.yaml").rename(documents / "..data" / "hv1.yaml")
    (documents / "hv1.yaml").symlink_to("..data/hv1.yaml")
    assert list(load(documents).hosts) == ["hv1"]


def test_a_link_that_is_no_document_is_not_ours(documents: Path) -> None:
    (documents / "README.md").symlink_to("../secret")
    (documents / ".#hv1.yaml").symlink_to("user@host.1234:5678")
    load(documents)


def test_a_directory_may_be_called_like_a_document(documents: Path) -> None:
    (documents / "a.yaml").mkdir()
    (documents / "hv1.yaml").rename(documents / "a.yaml" / "hv1.yaml")
    assert load(documents).places["host", "hv1", ""].file == "a.yaml/hv1.yaml"  # type: ignore[index]


def test_names_of_files_are_shown_safely(documents: Path) -> None:
    name = os.fsdecode(b"a\x1b[31m\n\xff.yaml")
    (documents / name).write_text("a: [")
    (told,) = problems(documents)
    assert told.startswith("a\\x1b[31m\\x0a\\xff.yaml:1:5: ")


# --- row 2: not ours -------------------------------------------------------


def test_other_endings_are_ignored_and_capitals_draw_a_warning(documents: Path) -> None:
    (documents / ".direnv").mkdir()
    for name in (".direnv/x.yaml", ".x.yaml", "x.yaml~", "#x.yaml#", "x.json", "x.yaml.swp", "X.YAML", "y.Yml"):
        (documents / name).write_text("a: [")
    (documents / "hv1.yaml").rename(documents / "hv1.yml")
    assert load(documents).warnings == (
        "X.YAML: is not read; write its ending in small letters",
        "y.Yml: is not read; write its ending in small letters",
    )


# --- row 3: unreadable -----------------------------------------------------


def test_what_may_not_be_read_is_said(documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root reads everything, so the refusal is played."""
    (documents / "locked").mkdir()
    (documents / "a.yaml").write_text(HOST)
    real_open, real_scandir = os.open, os.scandir

    def refuse_file(path: str, *rest: int) -> int:
        if str(path).endswith("a.yaml"):
            raise PermissionError(13, "Permission denied", path)
        return real_open(path, *rest)

    def refuse_directory(path: str) -> "os.ScandirIterator[str]":  # type: ignore[name-defined]
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return real_scandir(path)

    monkeypatch.setattr(os, "open", refuse_file)
    monkeypatch.setattr(os, "scandir", refuse_directory)
    assert problems(documents) == [
        "a.yaml:1:1: cannot be read: permission denied",
        "locked:1:1: cannot be read: permission denied",
    ]


def test_a_missing_directory_is_said_by_name(tmp_path: Path) -> None:
    (told,) = problems(tmp_path / "no")
    assert told == "DIR:1:1: cannot be read: no such file or directory; name the directory with -C"


def test_a_file_is_no_directory(documents: Path) -> None:
    told = problems(documents / "hv1.yaml")
    assert told == ["DIR:1:1: is not a directory; name the directory that holds the documents"]


def test_an_empty_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("hello")
    assert problems(tmp_path) == ["DIR:1:1: holds no documents (files that end in .yaml or .yml)"]


# --- row 4: too much -------------------------------------------------------


def test_a_huge_file_is_not_read(documents: Path) -> None:
    with open(documents / "a.yaml", "wb") as file:
        file.truncate(10 * 1024**4)
    assert problems(documents) == ["a.yaml:1:1: is larger than 4 MiB"]


def test_a_file_that_lies_about_its_size_is_cut(documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LARGEST_FILE", 100)
    (documents / "hv1.yaml").write_text("#" * 50)
    real_read = os.read
    monkeypatch.setattr(os, "read", lambda handle, size: real_read(handle, 10) or b"#" * 60)
    assert problems(documents) == ["hv1.yaml:1:1: is larger than 4 MiB, or not a file any more"]


def test_a_huge_scalar_is_refused(documents: Path) -> None:
    (documents / "a.yaml").write_text(f"kind: Host\nx: {'a' * (1024**2 + 1)}\n")
    assert problems(documents) == ["a.yaml:2:4: x: is longer than 1 MiB"]


@pytest.mark.parametrize("unit", ["[", "{", "- ", "? ", "{a: ", "[{"])
@pytest.mark.timeout(60)
def test_nesting_never_ends_in_a_recursion_error(documents: Path, unit: str) -> None:
    (documents / "a.yaml").write_text(unit * (4 * 1024**2 // len(unit)))
    (told,) = problems(documents)
    assert told.endswith(": is nested deeper than 64 levels")


def test_the_deepest_legal_nesting_is_read(documents: Path) -> None:
    (documents / "a.yaml").write_text("[" * 64 + "]" * 64)
    assert problems(documents) == [
        "a.yaml:1:1: is no document; a document begins with apiVersion, kind, metadata and spec"
    ]


@pytest.mark.timeout(60)
def test_many_values_are_refused(documents: Path) -> None:
    (documents / "a.yaml").write_text("- a\n" * 200_000)
    (told,) = problems(documents)
    assert told.endswith("the file has more than 100000 values, aliases counted as if written out")


def test_all_documents_together_have_a_bound(documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MOST_NODES", 10)
    (documents / "hv2.yaml").write_text(HOST.replace("hv1", "hv2").replace("0.1", "0.2"))
    assert problems(documents) == ["hv2.yaml:1:1: is not read: the documents before it are too many"]


def test_all_bytes_together_have_a_bound(documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_BYTES", len(HOST) + 2)
    (documents / "a.yaml").write_text("# a\n")
    (documents / "b.yaml").write_text("# a\n")
    (told,) = problems(documents)
    assert told.endswith("with this file the documents are larger than 64 MiB; the rest is not read")


def test_the_wrong_directory_is_left_early(documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_ENTRIES", 3)
    for index in range(5):
        (documents / f"{index}.txt").touch()
    assert problems(documents)[0] == ".:1:1: holds more than 3 files; is this the right directory?"


def test_a_hundred_lines_are_shown_then_the_count(documents: Path) -> None:
    (documents / "a.yaml").write_text("".join(f"kind: K{index}\n---\n" for index in range(250)))
    told = problems(documents)
    assert len(told) == 101
    assert told[0] == 'a.yaml:1:7: kind: "K0" is no kind that we know; known are Cluster, Domain, Host, Network, Pool'
    assert told[-1] == "250 problems, of which the first 100 are shown"


def test_more_problems_than_anybody_counts(documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loading, "MOST_PROBLEMS", 10)
    monkeypatch.setattr(world, "MOST_COMPLAINTS", 10)
    (documents / "a.yaml").write_text("".join(f"kind: K{index}\n---\n" for index in range(20)))
    (documents / "b.yaml").write_text("kind: b")
    told = problems(documents)
    assert told[0] == ".:1:1: there are more than 10 problems; not all are looked for"
    assert len(told) == 11


@pytest.mark.parametrize(
    "text",
    [
        '"' + "\\u2066" * 500_000,
        "".join(f"- &a{index} x\n" for index in range(200_000)),
        "a: &a {b: c}\n" + "x: {<<: *a}\n" * 90_000,
        "--- a\n" * 99_000,
        "a: b\n" * 800_000,
        HOST.replace("hv1}", "hv1, labels: {" + ",".join(f"k{index}: 1" for index in range(40_000)) + "}}"),
        HOST + "".join(f"k{index}: a\n" for index in range(49_000)),
        HOST.replace("10.0.0.1", '"' + "1" * 900_000 + '"'),
        HOST.replace("hv1/", "a-" * 400_000 + "_/"),
        "apiVersion: reconciler/v1\nkind: Pool\nmetadata: {name: p}\nspec:\n  type: dir\n  target: /srv/p\n  hosts:\n"
        + "".join(f"    - h{index}\n" for index in range(90_000)),
    ],
    ids=["escapes", "anchors", "merges", "documents", "keys-twice", "labels", "fields", "digits", "uri", "hosts"],
)
def test_hostile_documents_are_answered_in_time(documents: Path, text: str) -> None:
    """Counted as work of the processor: other tests may run beside."""
    (documents / "hv1.yaml").write_text(text[: 4 * 1024**2])
    begin = time.process_time()
    assert problems(documents)
    assert time.process_time() - begin < 10


def test_more_hosts_than_a_small_cloud_has(documents: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(objects.MOST, "Host", 1)
    (documents / "hv2.yaml").write_text(HOST.replace("hv1", "hv2").replace("0.1", "0.2"))
    assert problems(documents) == ["hv2.yaml:3:18: metadata.name: is the Host number 2; 1 are the most"]


class Broken:
    """A parser that fails without a mark, as ruamel's does for some input."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __call__(self, data: bytes) -> "Broken":
        return self

    def get_event(self) -> object:
        raise self.error


@pytest.mark.parametrize("error", [YAMLError("no mark"), AssertionError("no mark"), ValueError("no mark")])
def test_an_error_without_a_place_gets_one(documents: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr(parse, "CParser", Broken(error))
    assert problems(documents) == ["hv1.yaml:1:1: cannot be read as YAML: no mark"]


# --- row 16: files named in documents --------------------------------------

POOL = """\
apiVersion: reconciler/v1
kind: Pool
metadata: {{name: images}}
spec:
  type: dir
  target: /srv/cloud
  images: [{{name: a.qcow2, from: {path}, sha256: "{sum}"}}]
"""


def image(documents: Path, path: str) -> Path:
    (documents / "pools").mkdir(exist_ok=True)
    file = documents / "pools" / "images.yaml"
    file.write_text(POOL.format(path=path, sum="A" * 64))
    return file


def test_an_image_is_known_by_its_real_path(documents: Path) -> None:
    (documents / "images").mkdir()
    (documents / "images" / "real.qcow2").write_text("image")
    (documents / "images" / "a.qcow2").symlink_to("real.qcow2")
    image(documents, "../images/a.qcow2")
    (found,) = load(documents).pools["images"].spec.images
    assert found.from_ == str(documents.resolve() / "images" / "real.qcow2")
    assert found.sha256 == "a" * 64
    assert load(documents).pools["images"].spec.model_fields_set == {"type", "target", "images"}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("../secret", "is a link that leaves the documents' directory"),
        ("nothing", "does not exist"),
        ("a.qcow2", "cannot be read: too many levels of symbolic links"),
        (".", "is a directory, not a file"),
    ],
)
def test_an_image_by_a_link_is_no_way_out(documents: Path, target: str, message: str) -> None:
    (documents / "a.qcow2").symlink_to(target)
    image(documents, "../a.qcow2")
    assert problems(documents) == [f'pools/images.yaml:7:34: spec.images[0].from: "../a.qcow2" {message}']


@pytest.mark.timeout(60)
def test_an_image_is_a_regular_file(documents: Path) -> None:
    os.mkfifo(documents / "a.qcow2")
    image(documents, "../a.qcow2")
    assert problems(documents) == ['pools/images.yaml:7:34: spec.images[0].from: "../a.qcow2" is a FIFO, not a file']


def test_the_operator_allows_more_places_for_images(documents: Path) -> None:
    outside = documents.parent / "outside"
    (outside / "a.qcow2").write_text("image")
    image(documents, str(outside / "a.qcow2"))
    assert "lies outside" in problems(documents)[0]
    (found,) = load(documents, image_roots=[outside]).pools["images"].spec.images
    assert found.from_ == str(outside.resolve() / "a.qcow2")


def test_an_image_of_an_absent_pool_may_be_gone(documents: Path) -> None:
    file = image(documents, "../a.qcow2")
    file.write_text(file.read_text().replace("type: dir", "type: dir\n  state: absent"))
    load(documents)


def test_no_problem_shows_a_secret(documents: Path) -> None:
    (documents / "a.yaml").write_text("kind: Domain\nspec: {cloudInit: {userData: {password: hunter2}, x: hunter2}}\n")
    (documents / "b.yaml").write_text(HOST.replace("root@hv1", "root:hunter2@hv2").replace("address", "addres"))
    told = problems(documents)
    assert len(told) >= 5
    assert "hunter2" not in "\n".join(told)


def test_problems_are_sorted_by_place() -> None:
    places = [("b", 1, 1), ("a", 10, 1), ("a", 9, 5), ("a", 9, 5)]
    error = DesiredStateError(tuple(Problem(*place, "") for place in places))
    assert lines(error) == ("a:9:5: ", "a:10:1: ", "b:1:1: ")
