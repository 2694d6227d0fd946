"""A definition that is written anew keeps its passwords."""

from reconciler.xml.passwords import has_screen, with_passwords


def domain(*screens: str) -> str:
    return f"<domain>\n  <devices>\n    {''.join(screens)}\n  </devices>\n</domain>"


VNC = "<graphics type='vnc' port='-1' autoport='yes'/>"
OPEN = "<graphics type='vnc' passwd='canary77' passwdValidTo='2030-01-01T00:00:00' connected='keep'/>"


def test_a_screen_gets_all_that_libvirt_keeps_to_itself():
    merged = with_passwords(domain(VNC), domain(OPEN))
    assert 'passwd="canary77" passwdValidTo="2030-01-01T00:00:00" connected="keep"' in merged
    assert 'autoport="yes"' in merged


def test_nothing_else_changes():
    assert with_passwords(domain(VNC), domain(VNC)) == domain(VNC)
    assert with_passwords(domain(), domain(OPEN)) == domain()


def test_one_that_has_a_password_keeps_its_own():
    assert with_passwords(domain("<graphics type='vnc' passwd='other'/>"), domain(OPEN)).count("canary77") == 0


def test_each_screen_that_of_its_like():
    spice = "<graphics type='spice' passwd='second'/>"
    merged = with_passwords(domain("<graphics type='spice'/>", VNC), domain(OPEN, spice))
    assert merged.index("second") < merged.index("canary77")
    assert "passwd" not in with_passwords(domain("<graphics type='spice'/>"), domain(OPEN))


def test_who_has_no_screen_needs_no_look():
    assert has_screen(domain(VNC))
    assert not has_screen(domain())
