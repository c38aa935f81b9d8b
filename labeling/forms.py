"""What people send from the pages, checked before any step is taken."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms

from inspection.models import Product, Reason, Verdict
from labeling.models import DefectType

SINCE = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}


class HistoryForm(forms.Form):
    """The filters of the history, as they stand in the address."""

    verdict = forms.ChoiceField(
        required=False,
        choices=[("", "any verdict"), ("PASS", "PASS"), ("FAIL", "FAIL"), ("REVIEW", "REVIEW"), ("none", "no verdict")],
    )
    station = forms.ChoiceField(required=False)
    since = forms.ChoiceField(
        required=False,
        label="time",
        choices=[
            ("", "any time"),
            ("1h", "last hour"),
            ("24h", "last 24 h"),
            ("7d", "last 7 days"),
            ("30d", "last 30 days"),
        ],
    )
    reason = forms.ChoiceField(
        required=False, choices=[("", "any reason"), *((value, words.lower()) for value, words in Reason.choices)]
    )
    label = forms.ChoiceField(
        required=False,
        choices=[
            ("", "labeled or not"),
            ("none", "not labeled"),
            ("PASS", "labeled PASS"),
            ("FAIL", "labeled FAIL"),
            ("against", "person against model"),
        ],
    )
    q = forms.CharField(
        required=False,
        strip=True,
        max_length=120,
        label="part id",
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "part id begins with", "size": 18}),
    )

    def __init__(self, data: Any, *, product: Product) -> None:
        super().__init__(data)
        stations = list(product.stations.values_list("name", flat=True))
        sources = [("upload", "dashboard uploads"), ("import", "imported folders")]
        field = self.fields["station"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - for the type checker
        field.choices = [
            ("", "all stations"),
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

    verdict = forms.ChoiceField(choices=[(Verdict.PASS, "PASS"), (Verdict.FAIL, "FAIL")])
    defect_type = forms.CharField(required=False, max_length=80)
    comment = forms.CharField(required=False, max_length=2000, strip=True)

    @property
    def words(self) -> dict[str, Any]:
        """Keyword arguments of `labeling.review.resolve` and `correct`."""
        return {name: self.cleaned_data[name] for name in ("verdict", "defect_type", "comment")}


def types_of(product: Product) -> list[DefectType]:
    """The product's defect types that people may name, those with a key first."""
    return sorted(product.defect_types.filter(merged_into=None), key=lambda kind: (kind.key == "", kind.key, kind.name))
