"""Forms of the models' pages and their submission."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from mltasks.models import ModelVersion
from mltasks.refusals import Refusal
from mltasks.vision.serving.bundle import BundleCorrupt


class ReasonForm(forms.Form):
    """Reason for a decision, and the number of the champion that the person saw (0: none)."""

    reason = forms.CharField(strip=True, max_length=2000, label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))
    champion = forms.IntegerField(label=_("Champion"), min_value=0, widget=forms.HiddenInput)

    @classmethod
    def of_request(cls, request: HttpRequest, champion: ModelVersion | None) -> Self:
        """Return the form with the posted data, or with the present champion."""
        posted = request.POST if request.method == "POST" else None
        return cls(posted, initial={"champion": champion.number if champion else 0})


class PromotionForm(ReasonForm):
    """Reason for a promotion, and the reason to override the gate."""

    override = forms.CharField(
        strip=True, required=False, max_length=2000, label=_("Override"), widget=forms.Textarea(attrs={"rows": 2})
    )


class VerifyForm(forms.Form):
    """Extent of a verification."""

    hashes_only = forms.BooleanField(required=False, label=_("Hashes only"))


class ImportForm(forms.Form):
    """File that another plant exported; the import validates its size and content."""

    file = forms.FileField(label=_("File"), widget=forms.ClearableFileInput(attrs={"accept": ".slv"}))


def submit(form: forms.Form, step: Callable[[], object]) -> bool:
    """Run ``step`` with a valid form; return False if the form is invalid or the step refuses.

    The refusal becomes an error of the form.
    """
    if not form.is_valid():
        return False
    try:
        step()
    except (Refusal, PermissionDenied, BundleCorrupt) as error:
        form.add_error(None, str(error))
        return False
    return True
