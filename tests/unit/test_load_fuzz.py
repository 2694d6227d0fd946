"""Whatever lies in the directory, `load` gives documents or problems, and nothing else."""

import re
import tempfile
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.desired import Desired
from reconciler.desired.documents import KINDS
from reconciler.errors import DesiredStateError
from reconciler.load import lines, load
from reconciler.load.words import LONGEST_VALUE

EXAMPLES = [path.read_bytes() for path in sorted((Path(__file__).parents[2] / "desired-state").rglob("*.yaml"))]
LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]+:[0-9]+:[0-9]+: \S.*")


def answer(*contents: bytes) -> Desired | DesiredStateError:
    """What `load` says of these files; fails on any other exception, and on lines that a terminal would act on."""
    with tempfile.TemporaryDirectory() as directory:
        for number, content in enumerate(contents):
            (Path(directory) / f"{number}.yaml").write_bytes(content)
        try:
            return load(Path(directory))
        except DesiredStateError as error:
            caught = error
    assert caught.problems
    for line in lines(caught, most=10**6):
        assert LINE.fullmatch(line), line
    return caught


@given(st.binary(max_size=400))
@example(b"\x00")
@example(b"%YAML 1.3\n---\n")
@example(b"a: " + b"9" * 5000)
@example(b"? \n: *a")
@example(b"&a [*a]")
@example(b"\xef\xbb\xbf\xef\xbb\xbf")
@example(b"!")
@example(b"- - - - - ? - : -")
@settings(max_examples=500, deadline=None)
def test_bytes(data: bytes) -> None:
    answer(data)


WORDS = r"""
a b kind: Host apiVersion: reconciler/v1 metadata: spec: name: {} [ ] { } , : - ? | > ' " # & &a * *a
! !!str !!int
!x % %YAML %TAG @ ` ~ null true off 0012 1.5 1e3 .nan 0x1F <<: << --- ... \ \x1b \u2066
"""
YAML_WORDS = st.sampled_from(WORDS.split())
BLANKS = st.sampled_from([" ", "  ", "\n", "\n  ", "\n    ", "\t", "\r\n", ""])


@given(st.lists(st.tuples(YAML_WORDS, BLANKS), max_size=60))
@settings(max_examples=500, deadline=None)
def test_yaml_soup(words: list[tuple[str, str]]) -> None:
    answer("".join(word + blank for word, blank in words).encode())


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_documents_with_a_piece_replaced(data: st.DataObject) -> None:
    """The example, with some bytes of one file overwritten."""
    files = list(EXAMPLES)
    index = data.draw(st.integers(0, len(files) - 1))
    content = files[index]
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(len(content), start + 40)))
    words = st.lists(YAML_WORDS, max_size=5).map(lambda some: " ".join(some).encode())
    new = data.draw(st.one_of(st.binary(max_size=20), words))
    files[index] = content[:start] + new + content[end:]
    answer(*files)


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=120))
NAMES = """
apiVersion kind metadata name labels annotations spec address cordoned hypervisor uri peerUri nfsServer ssh type
hosts matchLabels source host dir target export clients options images from sha256 bridge bridgeOn nat vcpus memory
disks pool size image volume interfaces network mac cloudInit userData placement apartFrom migration xml set interval
limits deletes bandwidth state power
"""
FIELDS = st.sampled_from(NAMES.split())
KEYS = st.one_of(FIELDS, st.text(max_size=5))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=5)),
    max_leaves=25,
)


@given(st.sampled_from(sorted(KINDS)), VALUES, VALUES)
@settings(max_examples=500, deadline=None)
def test_any_value_in_any_field(kind: str, metadata: object, spec: object) -> None:
    document = {"apiVersion": "reconciler/v1", "kind": kind, "metadata": metadata, "spec": spec}
    answer(yaml(document).encode(errors="surrogatepass"))


def yaml(value: object) -> str:
    """Flow style, without a library: the parser under test is the only judge."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{yaml(str(key))}: {yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(yaml(item) for item in value) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if value is None or isinstance(value, bool):
        return "~" if value is None else str(value).lower()
    return repr(value)


def test_long_values_are_cut() -> None:
    error = answer(b"apiVersion: reconciler/v1\nkind: Host\nmetadata: {name: " + b"x" * 5000 + b"}\n")
    assert isinstance(error, DesiredStateError)
    assert all(len(str(problem)) < LONGEST_VALUE + 200 for problem in error.problems)
