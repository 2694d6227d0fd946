"""Seeds: what they are made of, that nobody sees it, and the medium that cloud-init finds."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from pycdlib import PyCdlib
from ruamel.yaml import YAML

from reconciler.desired import Desired
from reconciler.desired.derive import object_uuid, seed_instance, seed_pool, seed_volume
from reconciler.desired.seed import Seed
from reconciler.history import History
from reconciler.iso import iso
from reconciler.load import load
from reconciler.reconcile import make_plan
from reconciler.show import plan_json, plan_text
from reconciler.simulate import SimEdge
from tests.scenarios.documents import CLOUDS
from tests.scenarios.rehearsal import Rehearsal

CANARY = "hunter2"
UUID = object_uuid("small-cloud", "domain", "web-1")


@pytest.fixture
def documents(tmp_path: Path) -> Any:
    """The small cloud with a cloudInit for web-1."""

    def written(**cloud_init: Any) -> Desired:
        documents = list(YAML(typ="safe").load_all((CLOUDS / "small-cloud.yaml").read_text()))
        next(one for one in documents if one["metadata"]["name"] == "web-1")["spec"]["cloudInit"] = cloud_init
        with (tmp_path / "all.yaml").open("w") as file:
            YAML(typ="safe").dump_all(documents, file)
        return load(tmp_path)

    return written


# --- what it is made of ----------------------------------------------------------------


def test_meta_data_are_the_domains_own(documents):
    seed = documents(userData="#cloud-config\n").seeds["web-1"]
    assert json.loads(seed.meta_data) == {"instance-id": f"{UUID}-1", "local-hostname": "web-1"}
    assert list(seed.files) == ["user-data", "meta-data"]


def test_another_instance_is_another_id(documents):
    seed = documents(userData="#cloud-config\n", instance=3).seeds["web-1"]
    assert json.loads(seed.meta_data)["instance-id"] == f"{UUID}-3"


def test_what_meta_data_say_stays_and_the_rest_is_added(documents):
    seed = documents(userData="#!/bin/sh\n", metaData="local-hostname: www\nid: 0012\nsince: 2024-01-31\n").seeds[
        "web-1"
    ]
    assert json.loads(seed.meta_data) == {
        "instance-id": f"{UUID}-1",
        "local-hostname": "www",
        "id": "0012",
        "since": "2024-01-31",
    }


def test_whole_meta_data_are_taken_as_they_are(documents):
    text = "# ours\ninstance-id: i-1\nlocal-hostname: www\n"
    assert documents(userData="#!/bin/sh\n", metaData=text).seeds["web-1"].meta_data == text


def test_files_of_the_directory_are_read(documents, tmp_path):
    (tmp_path / "seed").mkdir()
    (tmp_path / "seed" / "user").write_text("#cloud-config\npackages: [nginx]\n")
    (tmp_path / "seed" / "net").write_text("network:\n  version: 1\n  config: []\n")
    seed = documents(userDataFrom={"file": "seed/user"}, networkConfigFrom={"file": "seed/net"}).seeds["web-1"]
    assert seed.files["user-data"] == b"#cloud-config\npackages: [nginx]\n"
    assert seed.files["network-config"] == b"network:\n  version: 1\n  config: []\n"


@pytest.mark.parametrize(
    "text",
    [
        "#cloud-config\nwrite_files: [{content: !!binary aGk=, permissions: 0644}]\non: {1: x}\n",
        *("#cloud-config\n", "#cloud-config \nusers: []\n", "\n#cloud-config\na: 1", "#!/bin/sh\n: [", "#!ruby"),
        *("## template: jinja\n#cloud-config\n{% if 1 %}\n[", "## template: jinja\n#!/bin/sh\n", "#include\nhttps://x"),
        *("#cloud-config-archive\n- type: text/plain", "#cloud-boothook\n:", "#part-handler\n", "#include-once\nx"),
        "Content-Type: multipart/mixed; boundary=x\nMIME-Version: 1.0\n\n--x--\n",
        "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n--x--\n",
    ],
)
def test_every_form_of_user_data_is_taken(documents, text):
    assert documents(userData=text).seeds["web-1"].user_data == text


# --- its name -----------------------------------------------------------------------------


def test_every_input_is_in_the_name():
    seed = Seed("u", "m", "n", 2)
    others = [Seed("v", "m", "n", 2), Seed("u", "v", "n", 2), Seed("u", "m", "v", 2), Seed("um", "", "n", 2)]
    names = {seed_volume("web-1", one) for one in (seed, *others, Seed("u", "m", "n", 3))}
    assert len(names) == 6
    assert seed_volume("web-1", seed) == f"web-1.seed-2-{seed.digest}.iso"
    assert seed_instance(seed_volume("web-1", seed)) == 2
    assert seed_instance("/pool/web-1.root.qcow2") is None


def test_it_lies_beside_the_first_shared_disk(documents):
    desired = documents(userData="#cloud-config\n")
    assert seed_pool(desired.domains["web-1"], desired.pools) == "images"


# --- nobody sees it --------------------------------------------------------------------------


def test_nothing_of_it_is_shown(documents):
    text = f"#cloud-config\npassword: {CANARY}\n"
    desired = documents(userData=text, metaData=f"a: {CANARY}", networkConfig=f"version: 2\na: {CANARY}\n")
    rehearsal = Rehearsal(desired)
    plan = make_plan(desired, SimEdge(rehearsal.world), rehearsal.clock, History())
    shown = [plan_text(plan), json.dumps(plan_json(plan)), repr(plan), repr(desired.seeds)]
    assert "upload-seed" in shown[0]
    assert not any(CANARY in one for one in shown)
    rehearsal.until_converged()
    assert not any(CANARY in str(change) for change in rehearsal.world.journal)
    assert not any(CANARY in (domain.xml or "") for _, domain in rehearsal.world.all_domains())


# --- the medium --------------------------------------------------------------------------------


FILES = {"user-data": b"#!/bin/sh\n", "meta-data": bytes(range(256)) * 9, "network-config": b""}


def test_the_same_files_are_the_same_bytes(monkeypatch):
    first = iso(FILES)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    try:
        assert iso(FILES) == first
    finally:
        monkeypatch.undo()
        time.tzset()
    assert iso({**FILES, "user-data": b"#!/bin/sh\n\n"}) != first


@pytest.mark.parametrize("names", ["rr_path", "joliet_path"])
def test_cloud_init_finds_its_files(names):
    medium = PyCdlib()
    medium.open_fp(io.BytesIO(iso(FILES)))
    try:
        assert medium.pvd.volume_identifier.decode().strip() == "cidata"
        for name, content in FILES.items():
            found = io.BytesIO()
            medium.get_file_from_iso_fp(found, **{names: f"/{name}"})
            assert found.getvalue() == content
    finally:
        medium.close()
