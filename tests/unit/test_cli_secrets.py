"""A secret comes out nowhere, whatever goes wrong on its way."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reconciler import redact
from reconciler.cli import app, output, world
from reconciler.errors import ReconcilerError
from reconciler.redact import Secret, hide

CANARY = 'canary"77'
HOST = """\
apiVersion: reconciler/v1
kind: Host
metadata: {name: hv1}
spec: {address: 10.0.0.1, hypervisor: {uri: "test:///nothing"}}
---
apiVersion: reconciler/v1
kind: Domain
metadata: {name: web}
spec:
  vcpus: 1
  memory: 64MiB
  graphics: {type: vnc, password: {valueFrom: {command: [touch, RAN]}}}
"""


@pytest.fixture(autouse=True)
def known(monkeypatch):
    monkeypatch.setattr(redact, "_spellings", {})
    hide(CANARY)


@pytest.fixture
def documents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "all.yaml").write_text(HOST.replace("RAN", str(tmp_path / "ran")))
    monkeypatch.setenv("RECONCILE_DIR", str(tmp_path / "state"))
    return tmp_path


class Leaking:
    """An edge whose errors tell what they should not."""

    def __init__(self, error: type[Exception]) -> None:
        self.error = error

    def observe(self, desired: Any) -> Any:
        raise self.error(f"set_password {CANARY} failed")

    def close(self) -> None:
        pass


@pytest.mark.parametrize("error", [ReconcilerError, RuntimeError, OSError])
@pytest.mark.parametrize("argv", [["plan"], ["plan", "-v", "-o", "json"], ["status"]])
def test_an_error_that_tells_it(documents, monkeypatch, capsys, error, argv):
    monkeypatch.setattr(world, "open_edge", lambda **_: Leaking(error))
    assert app.run(argv) == 1
    told = capsys.readouterr()
    assert "set_password *** failed" in told.err
    assert "77" not in told.out + told.err


def test_data_and_talk(capsys):
    output.data(f"a {CANARY}")
    output.data_json({"a": CANARY, "b": [Secret(CANARY).reveal()]})
    output.data_line({"a": CANARY})
    output.talk(f"a {CANARY}")
    told = capsys.readouterr()
    assert "canary" not in told.out + told.err
    assert json.loads(told.out.splitlines()[-1]) == {"a": "***"}


def test_a_key_of_ours_is_no_secret(capsys):
    hide("steps")
    output.data_json({"steps": []})
    assert json.loads(capsys.readouterr().out) == {"steps": []}


def test_what_libraries_log(monkeypatch):
    script = (
        "import logging, sys; from reconciler.cli import options; from reconciler.redact import hide;"
        "hide(sys.stdin.read()); options._log_everything(); logging.getLogger('x').warning('is %s', 'canary\"77')"
    )
    done = subprocess.run([sys.executable, "-c", script], input=CANARY, capture_output=True, text=True, check=True)
    assert done.stderr == "WARNING x: is ***\n"


def test_validate_and_plan_run_no_command(documents, capsys):
    assert app.run(["validate"]) == 0
    assert not (documents / "ran").exists()
    app.run(["plan"])
    assert "domain/web: graphics.password comes from a command, which is not run" in capsys.readouterr().err
    assert not (documents / "ran").exists()


def test_validate_needs_no_secret(documents, monkeypatch, capsys):
    for source in ("{env: NOT_THERE}", "{file: not-there}", "{credential: not-there}"):
        text = HOST.replace("{command: [touch, RAN]}", source)
        (documents / "state" / "all.yaml").write_text(text)
        assert app.run(["validate"]) == 0, capsys.readouterr()


def test_a_secret_root_is_the_operators_word(documents, tmp_path, capsys):
    (documents / "state" / "all.yaml").write_text(HOST.replace("{command: [touch, RAN]}", f"{{file: {tmp_path}/pw}}"))
    assert app.run(["validate"]) == 65
    assert "--secret-root" in capsys.readouterr().err
    assert app.run(["validate", "--secret-root", str(tmp_path)]) == 0
