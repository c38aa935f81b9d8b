"""Base of read-only admin pages; changes are made by separate pages with buttons."""

from __future__ import annotations

from typing import Any

from django.forms import Media
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from unfold.admin import ModelAdmin

BADGE_SHAPES = {"good": "●", "bad": "▲", "busy": "◐", "quiet": "○", "past": "◌"}


class ReadOnlyPermissions:
    """Permissions of an admin page or an inline table on which nothing can be added, changed or deleted."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: rows are created by the program, never by a form."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: history is not changed."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: history is not deleted."""
        return False


class ReadOnlyAdmin(ReadOnlyPermissions, ModelAdmin):
    """Admin page on which nothing can be added, changed or deleted."""

    list_fullwidth = True
    show_full_result_count = False

    @property
    def media(self) -> Media:
        """Return the style sheets of Django and the theme, and the project's own."""
        own: Media = super().media + Media(css={"all": ["mltasks/admin.css"]})
        return own


def badge(text: str, kind: str) -> SafeString:
    """Return a state as text, shape and color; ``kind`` is a key of ``BADGE_SHAPES``."""
    return format_html('<span class="sl-badge sl-{}">{} {}</span>', kind, BADGE_SHAPES[kind], text)


def page_link(address: str) -> SafeString:
    """Return the link from a row's admin page to the application's page of the row."""
    return format_html('<a class="sl-link" href="{}">{}</a>', address, gettext("Open its page"))
