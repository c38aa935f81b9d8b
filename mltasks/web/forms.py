"""What people send from the models' pages."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class PromotionForm(forms.Form):
    """Why a version becomes champion, and over which champion the person decided (0: none)."""

    reason = forms.CharField(strip=True, max_length=2000, label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))
    champion = forms.IntegerField(label=_("Champion"), min_value=0, widget=forms.HiddenInput)
    override = forms.CharField(
        strip=True, required=False, max_length=2000, label=_("Override"), widget=forms.Textarea(attrs={"rows": 2})
    )


class RollbackForm(forms.Form):
    """Reason for a rollback, and the champion that the person looked at."""

    reason = forms.CharField(strip=True, max_length=2000, label=_("Reason"), widget=forms.Textarea(attrs={"rows": 3}))
    champion = forms.IntegerField(label=_("Champion"), min_value=0, widget=forms.HiddenInput)


class ApprovalForm(forms.Form):
    """Why a version may take the present champion's place."""

    reason = forms.CharField(strip=True, max_length=2000, label=_("Reason"), widget=forms.Textarea(attrs={"rows": 2}))
    champion = forms.IntegerField(label=_("Champion"), min_value=0, widget=forms.HiddenInput)


class VerifyForm(forms.Form):
    """How thoroughly a version is verified."""

    hashes_only = forms.BooleanField(required=False, label=_("Its hashes only"))


class ImportForm(forms.Form):
    """A version that another plant exported. How large it may be, and what is in it, the import itself looks at."""

    file = forms.FileField(label=_("File"), widget=forms.ClearableFileInput(attrs={"accept": ".slv"}))
