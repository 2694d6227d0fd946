"""Equal text is not parsed again."""

import pytest

from reconciler.virt.memo import TEXT_LIMIT, Memo, TooMuch


def test_equal_text_is_the_same_reading():
    memo, parsed = Memo(), []

    def parse(text: str) -> list[str]:
        parsed.append(text)
        return [text]

    first = memo.reading("k", "live", "<a/>", parse)
    assert memo.reading("k", "live", "<a/>", parse) is first
    assert memo.reading("k", "live", "<b/>", parse) == ["<b/>"]
    memo.reading("k", "persistent", "<b/>", parse)
    memo.reading("other", "live", "<b/>", parse)
    assert parsed == ["<a/>", "<b/>", "<b/>", "<b/>"]


def test_equal_parts_are_the_same_object():
    memo = Memo()
    one = memo.same("k", (1, "a"), lambda: ["made"])
    assert memo.same("k", (1, "a"), lambda: ["again"]) is one
    assert memo.same("k", (2, "a"), lambda: ["again"]) == ["again"]


def test_what_is_gone_is_forgotten():
    memo = Memo()
    one = memo.same("domain/1", (1,), lambda: [1])
    other = memo.same("network/1", (1,), lambda: [2])
    memo.forget_others("domain/", {"domain/2"})
    assert memo.same("domain/1", (1,), lambda: [3]) is not one
    assert memo.same("network/1", (1,), lambda: [4]) is other


def test_text_beyond_measure_is_refused_unread():
    with pytest.raises(TooMuch):
        Memo().reading("k", "live", "x" * (TEXT_LIMIT + 1), lambda text: pytest.fail("was parsed"))
