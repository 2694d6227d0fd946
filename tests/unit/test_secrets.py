"""Secrets: fetched from where documents say they are, shown to nobody."""

import json
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from reconciler import redact, secrets
from reconciler.desired.secrets import SecretRef
from reconciler.errors import ActionError, PermanentError, TransientError
from reconciler.redact import Secret, hide, redact_values
from reconciler.secrets import Secrets

CANARY = "canary<'\"&\\77"


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """What one test knows, the next one does not."""
    monkeypatch.setattr(redact, "_spellings", {})


@pytest.fixture
def vault(tmp_path):
    (tmp_path / "in").mkdir()
    return Secrets(runs_commands=True, environment={"VNC": "from-env", "CREDENTIALS_DIRECTORY": str(tmp_path / "in")})


def file_ref(path: Path, root: Path) -> SecretRef:
    return SecretRef("file", (str(path),), (str(root),))


def shell(script: str) -> SecretRef:
    return SecretRef("command", ("sh", "-c", script))


def refusal(vault: Secrets, ref: SecretRef) -> str:
    with pytest.raises(ActionError) as refused:
        vault.fetch(ref)
    return str(refused.value)


# --- sources ---------------------------------------------------------------------------


def test_an_environment_variable(vault):
    assert vault.fetch(SecretRef("env", ("VNC",))).reveal() == "from-env"
    assert "environment does not have it" in refusal(vault, SecretRef("env", ("OTHER",)))


def test_a_file_without_the_newline_at_its_end(vault, tmp_path):
    (tmp_path / "in" / "pw").write_text("from-file\n")
    assert vault.fetch(file_ref(tmp_path / "in" / "pw", tmp_path / "in")).reveal() == "from-file"
    assert "no such file" in refusal(vault, file_ref(tmp_path / "in" / "other", tmp_path / "in"))


def test_a_file_that_is_none(vault, tmp_path):
    os.mkfifo(tmp_path / "in" / "fifo")
    (tmp_path / "out").write_text("hunter22")
    (tmp_path / "in" / "leaves").symlink_to(tmp_path / "out")
    assert "no regular file" in refusal(vault, file_ref(tmp_path / "in" / "fifo", tmp_path / "in"))
    assert "no regular file" in refusal(vault, file_ref(tmp_path / "in", tmp_path / "in"))
    told = refusal(vault, file_ref(tmp_path / "in" / "leaves", tmp_path / "in"))
    assert "link that leaves its directory" in told
    assert "hunter22" not in told


def test_a_credential_of_systemd(vault, tmp_path):
    (tmp_path / "in" / "vnc").write_text("from-systemd")
    assert vault.fetch(SecretRef("credential", ("vnc",))).reveal() == "from-systemd"
    assert "LoadCredential=vnc:PATH" in refusal(
        Secrets(runs_commands=True, environment={}), SecretRef("credential", ("vnc",))
    )


def test_a_command_gets_its_words_and_no_shell(vault, tmp_path):
    ref = SecretRef("command", ("printf", "%s", "$HOME; id"))
    assert vault.fetch(ref).reveal() == "$HOME; id"


def test_no_command_is_run_where_none_may(tmp_path):
    vault = Secrets(runs_commands=False)
    ref = shell(f"touch {tmp_path}/ran; echo secret")
    assert not vault.may_fetch(ref)
    assert "not run here" in refusal(vault, ref)
    assert not (tmp_path / "ran").exists()


def test_a_command_is_run_once_for_a_while(tmp_path):
    now = [0.0]
    vault = Secrets(runs_commands=True, now=lambda: now[0])
    ref = shell(f"echo x >>{tmp_path}/ran; echo secret")
    together = [threading.Thread(target=vault.fetch, args=(ref,)) for _ in range(4)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert (tmp_path / "ran").read_text() == "x\n"
    now[0] = secrets.FRESH_S + 1
    vault.fetch(ref)
    assert (tmp_path / "ran").read_text() == "x\nx\n"


def test_a_command_that_fails_is_not_quoted(vault):
    told = refusal(vault, shell("echo hunter22; echo hunter22 >&2; exit 3"))
    assert "it ended with 3" in told
    assert "hunter22" not in told
    assert "no such file" in refusal(vault, SecretRef("command", ("/does/not/exist",)))


@pytest.mark.parametrize("script", ["sleep 30", "setsid sleep 30 & exit 0", "exec >&-; sleep 30"])
def test_a_command_that_does_not_end(vault, monkeypatch, script):
    monkeypatch.setattr(secrets, "COMMAND_S", 0.3)
    began = time.monotonic()
    with pytest.raises(TransientError, match="has not ended"):
        vault.fetch(shell(script))
    assert time.monotonic() - began < 3


def test_a_command_that_says_too_much(vault):
    assert "longer than 1 MiB" in refusal(vault, shell("head -c 2000000 /dev/zero"))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"abc", "fewer than 4 characters"),
        (b"two\nlines", "more than one line"),
        (b"bell\x07bell", "control characters"),
        (b"\xff\xfe\xfa\xfb", "not UTF-8"),
    ],
)
def test_what_can_be_no_secret(vault, tmp_path, value, message):
    (tmp_path / "in" / "pw").write_bytes(value)
    told = refusal(vault, file_ref(tmp_path / "in" / "pw", tmp_path / "in"))
    assert message in told
    assert "lines" not in told.replace("more than one line", "")


def test_it_is_read_with_the_mode_that_it_has(vault, tmp_path):
    path = tmp_path / "in" / "pw"
    path.write_text("from-file")
    path.chmod(stat.S_IRUSR)
    before = path.stat()
    vault.fetch(file_ref(path, tmp_path / "in"))
    assert path.stat().st_mode == before.st_mode


# --- hiding ------------------------------------------------------------------------------


def test_a_secret_shows_itself_to_nobody():
    secret = Secret(CANARY)
    assert f"{secret} {secret!r} {[secret]}" == "*** *** [***]"
    assert secret == Secret(CANARY)
    assert secret != Secret("other-one")
    with pytest.raises(TypeError):
        json.dumps(secret)


def test_it_is_hidden_however_it_is_spelled():
    hide(CANARY)
    texts = (CANARY, json.dumps(CANARY), repr(CANARY), "canary&lt;&#x27;&quot;&amp;\\77", "canary%3C%27%22%26%5C77")
    for text in texts:
        assert "77" not in redact.redact(f"a {text} b"), text
    assert redact.redact("nothing") == "nothing"


def test_what_would_make_every_text_unreadable_is_not_hidden():
    hide("ab")
    hide("")
    assert redact.redact("abba") == "abba"


def test_of_data_only_the_values():
    hide("steps")
    assert redact_values({"steps": ["steps", 1, None, {"a": "2 steps"}]}) == {"steps": ["***", 1, None, {"a": "2 ***"}]}


def test_a_permanent_error_says_where_from_and_no_more(vault):
    with pytest.raises(PermanentError, match=r"^cannot fetch the secret from env OTHER: "):
        vault.fetch(SecretRef("env", ("OTHER",)))
