"""Admin pages of what nobody edits: history is read there, and steps are taken by buttons of their own."""

from __future__ import annotations

from typing import Any

from django.forms import Media
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from unfold.admin import ModelAdmin

BADGE_SHAPES = {"good": "●", "bad": "▲", "busy": "◐", "quiet": "○", "past": "◌"}


class ReadOnlyAdmin(ModelAdmin):
    """Nothing can be added, changed or deleted."""

    list_fullwidth = True
    show_full_result_count = False

    @property
    def media(self) -> Media:
        """Django's and the theme's, and our own style sheet."""
        own: Media = super().media + Media(css={"all": ["mltasks/admin.css"]})
        return own

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come from the flow, never from a form."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """History stays as it was written."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """History stays."""
        return False


def badge(text: str, kind: str) -> SafeString:
    """A state as a word, a shape and a colour; ``kind`` is a key of ``BADGE_SHAPES``."""
    return format_html('<span class="sl-badge sl-{}">{} {}</span>', kind, BADGE_SHAPES[kind], text)


def page_link(address: str) -> SafeString:
    """Return the link from a row's admin page to the application's page of the row."""
    return format_html('<a class="sl-link" href="{}">{}</a>', address, gettext("Open its page"))
