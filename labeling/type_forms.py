"""What a quality manager says of a defect type, checked before any step is taken."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from labeling.models import DefectType


class DefectTypeForm(forms.Form):
    """Name, key and colour. The colour that the palette gives is kept as none of its own."""

    name = forms.CharField(max_length=80, strip=True)
    key = forms.ChoiceField(required=False, choices=[("", _("no key")), *((digit, digit) for digit in "123456789")])
    colour = forms.CharField(
        required=False, validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", _("Choose a colour such as #D55E00."))]
    )

    def __init__(self, data: Any = None, *, kind: DefectType | None = None) -> None:
        first = {"name": kind.name, "key": kind.key, "colour": kind.shown_colour} if kind else None
        super().__init__(data, initial=first)
        self._kind = kind

    def clean_colour(self) -> str:
        """As above."""
        colour: str = self.cleaned_data["colour"]
        kind = self._kind
        return "" if kind and not kind.colour and colour.upper() == kind.shown_colour else colour

    @property
    def words(self) -> dict[str, str]:
        """Keyword arguments of `labeling.typing_defects.add_type` and `change_type`."""
        return {name: self.cleaned_data[name] for name in ("name", "key", "colour")}
