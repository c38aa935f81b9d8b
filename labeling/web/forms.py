"""Forms of the history, of verdicts and of defect types.

What people send from the pages, checked before any step is taken.

What a quality manager says of a defect type, checked before any step is taken.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.translation import gettext_lazy as _

from inspection.models import Product, Reason, Verdict
from labeling.models import DefectType


class HistoryForm(forms.Form):
    """The filters of the history, as they stand in the address."""

    verdict = forms.ChoiceField(
        required=False,
        label=_("Verdict"),
        choices=[
            ("", _("any verdict")),
            ("PASS", _("PASS")),
            ("FAIL", _("FAIL")),
            ("REVIEW", _("REVIEW")),
            ("none", _("no verdict")),
        ],
    )
    station = forms.ChoiceField(required=False, label=_("Station"))
    since = forms.ChoiceField(
        required=False,
        label=_("time"),
        choices=[
            ("", _("any time")),
            ("1h", _("last hour")),
            ("24h", _("last 24 h")),
            ("7d", _("last 7 days")),
            ("30d", _("last 30 days")),
        ],
    )
    reason = forms.ChoiceField(
        required=False,
        label=_("Reason"),
        choices=lambda: [("", _("any reason")), *((value, words.lower()) for value, words in Reason.choices)],
    )
    label = forms.ChoiceField(
        required=False,
        label=_("Label"),
        choices=[
            ("", _("labeled or not")),
            ("none", _("not labeled")),
            ("PASS", _("labeled PASS")),
            ("FAIL", _("labeled FAIL")),
            ("against", _("person against model")),
        ],
    )
    q = forms.CharField(
        required=False,
        strip=True,
        max_length=120,
        label=_("part id"),
        widget=forms.TextInput(attrs={"type": "search", "placeholder": _("part id begins with"), "size": 18}),
    )

    def __init__(self, data: Any, *, product: Product) -> None:
        super().__init__(data)
        stations = list(product.stations.values_list("name", flat=True))
        sources = [("upload", _("dashboard uploads")), ("import", _("imported folders"))]
        field = self.fields["station"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [
            ("", _("all stations")),
            *((name, name) for name in stations),
            *((f":{v}", w) for v, w in sources),
        ]

    @property
    def wanted(self) -> dict[str, str]:
        """The filters that are set and make sense."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class VerdictForm(forms.Form):
    """A person's word on a part."""

    verdict = forms.ChoiceField(choices=[(Verdict.PASS, _("PASS")), (Verdict.FAIL, _("FAIL"))])
    defect_type = forms.CharField(required=False, max_length=80)
    comment = forms.CharField(required=False, max_length=2000, strip=True)

    @property
    def words(self) -> dict[str, Any]:
        """Keyword arguments of `labeling.review.review.resolve` and `correct`."""
        return {name: self.cleaned_data[name] for name in ("verdict", "defect_type", "comment")}


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
        """Keyword arguments of `labeling.datasets.defect_type_service.add_type` and `change_type`."""
        return {name: self.cleaned_data[name] for name in ("name", "key", "colour")}
