"""The pages without a script."""

from __future__ import annotations

import pytest

from rigd.hosts.panel import forms

ATTACK = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'"


@pytest.mark.parametrize(
    "form", [forms.LOGIN, forms.REGISTER, forms.RESET, forms.CONFIRM, forms.LOGOUT]
)
def test_what_is_told_is_text(form) -> None:
    """S09: whatever a message holds."""
    html = forms.form_page(form, xsrf="<input name=_xsrf>", problem=ATTACK, done=ATTACK)
    assert "<script" not in html
    assert "<img" not in html
    assert html.count("&lt;script&gt;") == 2
    assert "<input name=_xsrf>" in html


def test_a_form_asks_nobody_for_anything() -> None:
    """No content delivery network, no script, and passwords are no plain fields."""
    html = forms.form_page(forms.LOGIN, xsrf="")
    assert "http" not in html
    assert "<script" not in html
    assert 'name="password" type="password"' in html


@pytest.mark.parametrize(("status", "said"), [(403, "403 Forbidden"), (599, "599 Error")])
def test_an_error_says_its_name_and_the_way_back(status, said) -> None:
    """And nothing of what went wrong inside."""
    html = forms.error_page(status)
    assert said in html
    assert 'href="/login"' in html
