"""The shell that is kept open: answers, deadlines, deaths, hostile output."""

import os
import subprocess
import threading
import time

import pytest

from reconciler.errors import HostUnreachable
from reconciler.shell import ANSWER_LIMIT, Breaker, Shell, cause_of, ssh_argv


@pytest.fixture
def shell():
    shell = Shell()
    yield shell
    shell.close()


def test_a_script_answers_with_text_and_code(shell):
    answer = shell.run("echo one; echo two >&2; exit 3")
    assert (answer.code, answer.text, answer.last_line) == (3, "one\ntwo\n", "two")
    assert shell.run("printf 'no newline'").text == "no newline"
    assert shell.run(":").text == ""


def test_it_is_one_shell_but_each_script_is_by_itself(shell):
    parents = {shell.run("echo $PPID; echo $$").text for _ in range(3)}
    assert len(parents) == 1
    shell.run("cd /; x=1")
    assert shell.run('echo "$x"; pwd').text == f"\n{os.getcwd()}\n"


def test_a_script_has_nothing_on_its_stdin(shell):
    assert shell.run("cat; echo end").text == "end\n"


def test_a_script_that_hangs_costs_its_deadline_and_the_shell(shell):
    first = shell.run("echo $PPID $$").text
    begun = time.monotonic()
    with pytest.raises(HostUnreachable, match="did not answer in time"):
        shell.run("sleep 100", 0.3)
    assert time.monotonic() - begun < 3
    assert shell.run("echo $PPID $$").text != first


def test_a_dead_shell_is_opened_anew(shell):
    pid = int(shell.run("echo $$").text)
    subprocess.run(["kill", "-9", str(pid)], check=True)
    assert shell.run("echo again").text == "again\n"
    with pytest.raises(HostUnreachable):
        shell.run("kill -9 $$")


def test_output_cannot_pass_for_the_end(shell):
    text = "".join(f"\n{number:032x} 0\n" for number in range(100))
    assert shell.run(f"cat <<'E'\n{text}E\nexit 4").code == 4


def test_too_much_output_ends_the_shell(shell):
    with pytest.raises(HostUnreachable, match="more than 1 MiB"):
        shell.run("yes", 20)
    assert len(shell.run(f"head -c {ANSWER_LIMIT - 1000} /dev/zero", 20).text) == ANSWER_LIMIT - 1000


def test_broken_text_is_replaced(shell):
    assert shell.run(r"printf '\377\n'").text == "\ufffd\n"


def test_threads_take_turns(shell):
    answers = []
    threads = [threading.Thread(target=lambda n=n: answers.append(shell.run(f"echo {n}").text)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [f"{n}\n" for n in range(8)]


def test_one_that_waits_for_a_busy_shell_waits_only_so_long(shell):
    shell.run(":")
    blocker = threading.Thread(target=lambda: shell.run("sleep 1", 5))
    blocker.start()
    time.sleep(0.1)
    with pytest.raises(HostUnreachable, match="busy"):
        shell.run(":", 0.2)
    blocker.join()


def test_a_login_that_fails_says_why_and_is_not_tried_at_once_again():
    shell = Shell(("sh", "-c", "echo 'Permission denied (publickey).' >&2; exit 255", "--", "root@nas"))
    with pytest.raises(HostUnreachable, match=r"cannot log in to ssh root@nas: Permission denied \(publickey\)\."):
        shell.run(":")
    with pytest.raises(HostUnreachable, match="asked again in 5 s"):
        shell.run(":")


def test_a_program_that_is_not_there():
    with pytest.raises(HostUnreachable, match="cannot run no-such-ssh"):
        Shell(("no-such-ssh", "--", "root@nas")).run(":")


def test_a_script_of_its_own_gets_words_and_text(shell):
    answer = shell.once('printf "%s|" "$@"; cat', ("a b", "$(touch x)", "'"), "text\n")
    assert (answer.code, answer.text) == (0, "a b|$(touch x)|'|text\n")
    with pytest.raises(HostUnreachable, match=r"did not answer within 0\.2 s"):
        shell.once("sleep 10", (), "", 0.2)


def test_the_words_of_ssh():
    argv = ssh_argv("root@nas", port=2222, keyfile="/k")
    assert argv[0] == "ssh"
    assert argv[-2:] == ("--", "root@nas")
    assert "BatchMode=yes" in argv
    assert argv[argv.index("-p") + 1] == "2222"
    assert argv[argv.index("-i") + 1] == "/k"


def test_a_changed_host_key_shows_its_print():
    complaints = """\
@@@@@@@@@@@@@@
The fingerprint for the ED25519 key sent by the remote host is
SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ.
Host key verification failed.
"""
    shown = "Host key verification failed. (it shows the host key SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ)"
    assert cause_of(complaints) == shown
    assert cause_of("\n \n") == ""


def test_a_breaker_waits_longer_and_longer(monkeypatch):
    now = 0.0
    monkeypatch.setattr("reconciler.shell.time.monotonic", lambda: now)
    breaker, waits = Breaker(), []
    for _ in range(6):
        breaker.failed("it is down")
        start = now
        while breaker.refusal():
            now += 1
        waits.append(now - start)
    assert waits == [5, 10, 20, 40, 60, 60]
    breaker.succeeded()
    breaker.failed("again")
    assert breaker.refusal() == "again (asked again in 5 s)"
