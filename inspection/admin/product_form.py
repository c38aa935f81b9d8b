"""Form of a product in the admin."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from inspection.intake.part_metadata import read_json
from inspection.products import products
from mltasks.models import RegisteredModel
from mltasks.vision.speeds import BALANCED, FAST, THOROUGH

# Levels of training settings: lists within one object
MAX_JSON_DEPTH = 8
# Training settings with a form field of their own, and the values that stand for "not set"
SPEED_DEFAULTS = {"speed": BALANCED, "budget_ms": 0.0}


class StrictJSONField(forms.JSONField):
    """JSON form field that is parsed as strictly as a REST body.

    Django's own field fails on deep nesting and huge numbers.
    """

    def to_python(self, value: Any) -> Any:
        """Return the value. Raises ValidationError with the reason if `read_json` refuses the text."""
        if isinstance(value, str) and value.strip():
            try:
                read_json(value.encode("utf-8", "surrogatepass"), MAX_JSON_DEPTH)
            except ValueError as error:
                raise ValidationError(_("This JSON cannot be stored: %(reason)s"), params={"reason": error}) from None
        return super().to_python(value)

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return the value to show again: the raw text if it can't be parsed."""
        try:
            self.to_python(data)
        except ValidationError:
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)


class ProductForm(forms.ModelForm):  # type: ignore[type-arg]  # no subscripts at run time
    """Form of a product and of the reason for a change of its costs or policy.

    The slug of a new product must be free among the registered models, too. Speed and time budget are training
    settings with fields of their own; the JSON of the other settings does not show them.
    """

    class Meta:
        field_classes = {"training_settings": StrictJSONField}

    reason = forms.CharField(
        label=_("Reason for the change"),
        required=False,
        max_length=2000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
        help_text=_("Required for changes of costs and policy. The audit log keeps it permanently, with your name."),
    )

    speed = forms.ChoiceField(
        label=_("Speed"),
        required=False,
        choices=[(FAST, _("Fast")), (BALANCED, _("Balanced")), (THOROUGH, _("Thorough"))],
        widget=UnfoldAdminSelectWidget,
        help_text=_(
            "How much the next versions compute for an image. Fast: half the pixels and fewer scores. Thorough: twice "
            "the pixels, for small defects. Settings below that name a size or a network win. The report of each "
            "version shows what its speed costs in quality and reviews."
        ),
    )
    budget_ms = forms.FloatField(
        label=_("Time budget per image (ms)"),
        required=False,
        min_value=0,
        widget=UnfoldAdminDecimalFieldWidget,
        help_text=_(
            "Most milliseconds for the networks of one image, on one processor thread of the machine that trains. The "
            "training then takes the best version within it, at most that of the chosen speed. Empty: no limit."
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance.training_settings
        self.initial["training_settings"] = {key: stored[key] for key in stored if key not in SPEED_DEFAULTS}
        self.initial["speed"] = stored.get("speed", BALANCED)
        self.initial["budget_ms"] = stored.get("budget_ms") or None

    def clean(self) -> dict[str, Any]:
        """Put speed and budget into the training settings, whose JSON must not name them."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        settings = cleaned.get("training_settings")
        if not isinstance(settings, dict):
            return cleaned
        if named := sorted(set(settings) & set(SPEED_DEFAULTS)):
            text = _("Use the form's own field for %(names)s.") % {"names": ", ".join(named)}
            self.add_error("training_settings", text)
            return cleaned
        return {**cleaned, "training_settings": {**settings, **self._speed_values()}}

    def _speed_values(self) -> dict[str, Any]:
        """Return speed and budget to store; a form without these fields leaves them unchanged."""
        stored = self.instance.training_settings
        values = {name: stored.get(name, default) for name, default in SPEED_DEFAULTS.items()}
        sent = {name: self.cleaned_data.get(name) or default for name, default in SPEED_DEFAULTS.items()}
        values |= {name: value for name, value in sent.items() if self.add_prefix(name) in self.data}
        return {name: value for name, value in values.items() if name in stored or value != SPEED_DEFAULTS[name]}

    def _post_clean(self) -> None:
        """Require the reason for a change of costs or policy.

        This runs after the form has written its values into the product.
        """
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, which its stubs leave out
        if self.instance.pk is not None and not self.errors:
            try:
                products.check_reason(
                    products.changed_policy_fields(self.instance), self.cleaned_data.get("reason", "")
                )
            except ValidationError as error:
                self.add_error(None, error)

    def clean_slug(self) -> str:
        """Refuse the name of a registered model that has lost its product."""
        slug: str = self.cleaned_data["slug"]
        if self.instance.pk is None and RegisteredModel.objects.filter(name=slug).exists():
            raise ValidationError(_("A registered model with this name already exists. Choose another name."))
        return slug
