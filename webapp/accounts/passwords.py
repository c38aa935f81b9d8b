"""Password page, and a password rule that Django lacks."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.password_validation import password_validators_help_texts
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.urls import reverse_lazy
from django.utils.translation import gettext as _


class VarietyValidator:
    """Rule against passwords of spaces and of one repeated character."""

    MIN_CHARACTERS = 4

    def validate(self, password: str, user: Any = None) -> None:
        """Raise ValidationError for fewer than four different characters; spaces do not count."""
        if len(set("".join(password.split()))) < self.MIN_CHARACTERS:
            raise ValidationError(self.get_help_text(), code="password_too_uniform")

    def get_help_text(self) -> str:
        """Return the rule as text."""
        return _("Your password must have at least {number} different characters besides spaces.").format(
            number=self.MIN_CHARACTERS
        )


class PasswordPage(PasswordChangeView):
    """Page to change one's own password; all other sessions of the person end."""

    template_name = "registration/password.html"
    success_url = reverse_lazy("password")
    extra_context = {"rules": password_validators_help_texts}

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Save the password, keep this session, and tell the person that the others ended."""
        answer = super().form_valid(form)
        messages.success(self.request, _("Your password is changed, and your other sessions are ended."))
        return answer
