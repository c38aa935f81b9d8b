"""Forms of the history, of verdicts and of defect types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.core.validators import RegexValidator
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from inspection.models import Product, Reason, Verdict
from labeling.models import DefectType
from mltasks.vision.types import Mark, parse_marks


class FilterForm(forms.Form):
    """Base form of a list's filters in the URL's query."""

    @property
    def active_filters(self) -> dict[str, str]:
        """Return the filters that are set and valid."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}

    def set_choices(self, name: str, any_choice: str | Promise, choices: Iterable[tuple[str, Any]]) -> None:
        """Set the choices of a field; the first one, with an empty value, filters nothing."""
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [("", any_choice), *choices]


class SearchField(forms.CharField):
    """Field for the beginning of a name."""

    def __init__(self, *, placeholder: str | Promise, size: int, **options: Any) -> None:
        widget = forms.TextInput(attrs={"type": "search", "placeholder": placeholder, "size": size})
        super().__init__(required=False, strip=True, widget=widget, **options)


class HistoryForm(FilterForm):
    """Filters of the history."""

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
        choices=lambda: [("", _("any reason")), *((value, text.lower()) for value, text in Reason.choices)],
    )
    label = forms.ChoiceField(
        required=False,
        label=_("Label"),
        choices=[
            ("", _("labeled or not")),
            ("none", _("not labeled")),
            ("PASS", _("labeled PASS")),
            ("FAIL", _("labeled FAIL")),
            ("against", _("human verdict differs from model verdict")),
        ],
    )
    q = SearchField(label=_("part id"), placeholder=_("part id begins with"), max_length=120, size=18)

    def __init__(self, data: Any, *, product: Product) -> None:
        super().__init__(data)
        stations = list(product.stations.values_list("name", flat=True))
        sources = [("upload", _("dashboard uploads")), ("import", _("imported folders"))]
        by_station = ((name, name) for name in stations)
        self.set_choices("station", _("all stations"), [*by_station, *((f":{v}", w) for v, w in sources)])


class VerdictForm(forms.Form):
    """Verdict of a person: arguments of `labeling.review.review.resolve` and `correct`."""

    verdict = forms.ChoiceField(choices=[(Verdict.PASS, _("PASS")), (Verdict.FAIL, _("FAIL"))])
    defect_type = forms.CharField(required=False, max_length=80)
    comment = forms.CharField(required=False, max_length=2000, strip=True)
    marks = forms.JSONField(required=False)

    def clean_marks(self) -> tuple[Mark, ...] | None:
        """Return the marks; None if the page sent none."""
        values: object = self.cleaned_data["marks"]
        try:
            return None if values is None else parse_marks(values)
        except ValueError as error:
            raise forms.ValidationError(str(error)) from None


class DefectTypeForm(forms.Form):
    """Arguments of `labeling.datasets.defect_type_service.add_type`."""

    name = forms.CharField(max_length=80, strip=True)
    key = forms.ChoiceField(required=False, choices=[("", _("no key")), *((digit, digit) for digit in "123456789")])
    colour = forms.CharField(
        required=False, validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$", _("Choose a color such as #D55E00."))]
    )

    def __init__(self, data: Any = None, *, defect_type: DefectType | None = None) -> None:
        first = (
            {"name": defect_type.name, "key": defect_type.key, "colour": defect_type.display_colour}
            if defect_type
            else None
        )
        super().__init__(data, initial=first)
        self._defect_type = defect_type

    def clean_colour(self) -> str:
        """Return the color; empty if it is the type's palette color and none was stored."""
        colour: str = self.cleaned_data["colour"]
        kind = self._defect_type
        return "" if kind and not kind.colour and colour.upper() == kind.display_colour else colour
