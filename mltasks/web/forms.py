"""Forms of the models' pages, and the step that a form takes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from mltasks.models import ModelVersion
from mltasks.refusals import Refusal
from mltasks.registry.registry import BundleCorrupt


class ReasonForm(forms.Form):
    """Reason for a decision, and the number of the champion that the person saw (0: none)."""

    reason = forms.CharField(strip=True, max_length=2000, label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))
    champion = forms.IntegerField(label=_("Champion"), min_value=0, widget=forms.HiddenInput)

    @classmethod
    def of_request(cls, request: HttpRequest, champion: ModelVersion | None) -> Self:
        """Return the form with what was posted, or with the present champion."""
        posted = request.POST if request.method == "POST" else None
        return cls(posted, initial={"champion": champion.number if champion else 0})


class PromotionForm(ReasonForm):
    """Reason for a promotion, and the reason to override the gate."""

    override = forms.CharField(
        strip=True, required=False, max_length=2000, label=_("Override"), widget=forms.Textarea(attrs={"rows": 2})
    )


class VerifyForm(forms.Form):
    """How thoroughly a version is verified."""

    hashes_only = forms.BooleanField(required=False, label=_("Its hashes only"))


class ImportForm(forms.Form):
    """A version that another plant exported. How large it may be, and what is in it, the import itself looks at."""

    file = forms.FileField(label=_("File"), widget=forms.ClearableFileInput(attrs={"accept": ".slv"}))


def submit(form: forms.Form, step: Callable[[], object]) -> bool:
    """Take a step with a valid form. Return False, with the refusal among the form's errors, if it is not taken."""
    if not form.is_valid():
        return False
    try:
        step()
    except (Refusal, PermissionDenied, BundleCorrupt) as error:
        form.add_error(None, str(error))
        return False
    return True
