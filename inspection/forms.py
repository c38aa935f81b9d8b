"""What people send from the pages of replays and challengers."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from inspection import replay


class ReplayForm(forms.Form):
    """How much of the line's history is scored again."""

    days = forms.IntegerField(label=_("Days back"), min_value=1, max_value=replay.LONGEST, initial=replay.DAYS)
    most = forms.IntegerField(label=_("At most parts"), min_value=1, max_value=replay.LARGEST, initial=replay.MOST)


class ChallengeForm(forms.Form):
    """Which share of the live parts the challenger scores, in percent."""

    share = forms.FloatField(label=_("Share of live parts, in %"), min_value=0.1, max_value=100, initial=100)
