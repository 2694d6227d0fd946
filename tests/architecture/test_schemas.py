"""`schemas/` is what the models say today, and the example cluster is valid by it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from reconciler.desired.documents import KINDS
from reconciler.schema import schemas, text_of, write_schemas

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted((ROOT / "desired-state").rglob("*.yaml"))
MODELINE = re.compile(r"# yaml-language-server: \$schema=(\S+)\n")


def read(path: Path) -> Any:
    """A document, by a parser that is not ours."""
    return YAML(typ="safe", pure=True).load(path.read_text())


def test_the_schemas_are_fresh() -> None:
    written = {path.name: path.read_text() for path in (ROOT / "schemas").glob("*.json")}
    assert written == {name: text_of(schema) for name, schema in schemas().items()}, "run reconcile schema"


def test_there_is_one_for_each_kind_and_one_for_all(tmp_path: Path) -> None:
    names = [path.name for path in write_schemas(tmp_path / "new")]
    assert names == sorted([*(f"{kind.lower()}.schema.json" for kind in KINDS), "all.schema.json"])
    for name in names:
        Draft202012Validator.check_schema(json.loads((tmp_path / "new" / name).read_text()))


def test_every_field_is_explained_and_no_other_is_allowed() -> None:
    for name, definition in schemas()["all.schema.json"]["$defs"].items():
        if "properties" in definition:
            assert definition["additionalProperties"] is False, name
            for field, schema in definition["properties"].items():
                assert schema.get("description", "").endswith("."), f"{name}.{field}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_example_is_valid_by_its_schema(path: Path) -> None:
    match = MODELINE.match(path.read_text())
    assert match, "the first line names the schema"
    named = (path.parent / match[1]).resolve()
    document = read(path)
    assert named == ROOT / "schemas" / f"{document['kind'].lower()}.schema.json"
    for schema in (named, ROOT / "schemas" / "all.schema.json"):
        Draft202012Validator(json.loads(schema.read_text())).validate(document)


BAD: dict[str, dict[str, Any]] = {
    "an unknown field": {"kind": "Host", "spec": {"address": "10.0.0.1", "cordond": True}},
    "a size without a unit": {"kind": "Domain", "spec": {"vcpus": 1, "memory": "20"}},
    "a number for a size": {"kind": "Domain", "spec": {"vcpus": 1, "memory": 20}},
    "a duration in words": {"kind": "Cluster", "spec": {"interval": "90 minutes"}},
    "a missing field": {"kind": "Domain", "spec": {"vcpus": 1}},
    "an unknown kind": {"kind": "Hosts", "spec": {}},
    "a text for a flag": {"kind": "Host", "spec": {"address": "10.0.0.1", "cordoned": "yes"}},
    "a word for a selector": {"kind": "Network", "spec": {"hosts": "hv1", "bridge": "br0"}},
    "a name with a blank": {"kind": "Cluster", "metadata": {"name": "a b"}, "spec": {}},
}


@pytest.mark.parametrize("fault", BAD)
def test_editors_see_what_is_wrong(fault: str) -> None:
    document = {"apiVersion": "reconciler/v1", "metadata": {"name": "x"}, **BAD[fault]}
    assert not Draft202012Validator(schemas()["all.schema.json"]).is_valid(document)


@pytest.mark.parametrize("hosts", ["all", ["hv1"], {"matchLabels": {"rack": "a"}}])
def test_all_forms_of_a_selector_are_known(hosts: object) -> None:
    document = {
        "apiVersion": "reconciler/v1",
        "kind": "Network",
        "metadata": {"name": "lan"},
        "spec": {"bridge": "br0", "hosts": hosts},
    }
    Draft202012Validator(schemas()["network.schema.json"]).validate(document)
