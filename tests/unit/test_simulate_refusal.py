"""The simulator's refusals carry libvirt's own numbers, and are sorted as the real edge sorts them."""

import libvirt
import pytest

from reconciler.simulate.refusal import Code, Refusal, translated
from reconciler.virt import codes


@pytest.mark.parametrize("code", Code)
def test_a_code_is_libvirts(code):
    assert code == getattr(libvirt, f"VIR_ERR_{code.name}")


@pytest.mark.parametrize("code", sorted({code.name for code in Code} & {code.name for code in codes.Code}))
def test_both_edges_mean_the_same_by_a_code(code):
    assert Code[code] == codes.Code[code]


@pytest.mark.parametrize("code", Code)
def test_a_refusal_becomes_an_error_that_names_the_attempt(code):
    error = translated(Refusal(code, "the cause"), "start domain web-1@hv1")
    assert str(error).startswith("cannot start domain web-1@hv1: the cause")
