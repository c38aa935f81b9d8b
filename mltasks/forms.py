"""What people send from the models' pages."""

from __future__ import annotations

from django import forms


class PromotionForm(forms.Form):
    """Why a version becomes champion, and over which champion the person decided (0: none)."""

    reason = forms.CharField(strip=True, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))
    champion = forms.IntegerField(min_value=0, widget=forms.HiddenInput)
