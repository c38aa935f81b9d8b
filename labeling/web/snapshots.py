"""The filters of a snapshot's items, as they stand in the address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from mltasks.snapshots.snapshot_contents import UNNAMED, Contents


class ItemForm(forms.Form):
    """By split, label, defect type, and what a title or a sha256 begins with."""

    split = forms.ChoiceField(required=False, label=_("Split"))
    label = forms.ChoiceField(
        required=False,
        label=_("Label"),
        choices=[("", _("good or defective")), ("PASS", _("PASS")), ("FAIL", _("FAIL"))],
    )
    defect_type = forms.ChoiceField(required=False, label=_("Defect type"))
    q = forms.CharField(
        required=False,
        strip=True,
        max_length=200,
        label=_("name or sha256"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("name or sha256 begins with"), "size": 26}),
    )

    def __init__(self, data: Any, *, contents: Contents) -> None:
        super().__init__(data)
        splits = [(share.name, share.name) for share in contents.splits]
        types = [(name or UNNAMED, name or _("no type named")) for name in contents.defect_types]
        self._choose("split", [("", _("any split")), *splits])
        self._choose("defect_type", [("", _("any type")), *types])

    @property
    def wanted(self) -> dict[str, str]:
        """The filters that are set and make sense."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    def _choose(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = choices
