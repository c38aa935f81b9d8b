"""Layout context of every page: navigation, products, waiting parts and theme."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, gettext_noop
from django.views.decorators.http import require_POST

from inspection.models import Product
from inspection.products.blind_parts import blind_parts
from inspection.web.selection import chosen_product
from labeling.models.rechecks import ADJUDICATE_PERMISSION
from labeling.queue import queue_stats

THEMES = {"dark", "light"}
THEME_COOKIE = "theme"
YEAR_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class NavItem:
    """Entry of the sidebar."""

    title: str
    icon: str
    url: str
    is_current: bool


@dataclass(frozen=True)
class ProductChoice:
    """Product of the switcher, with its number of waiting parts."""

    product: Product
    waiting: int


class Layout:
    """Lazy values of the page layout: a template pays only for what it shows."""

    # Title, icon and view name
    NAV_ITEMS = (
        (gettext_noop("Dashboard"), "dashboard", "dashboard"),
        (gettext_noop("Review"), "look", "review"),
        (gettext_noop("Inspections"), "inspections", "history"),
        (gettext_noop("Defect types"), "tag", "defect-types"),
        (gettext_noop("Models"), "models", "models"),
    )

    def __init__(self, request: HttpRequest) -> None:
        self._request = request

    @cached_property
    def theme(self) -> str:
        """Return the person's theme; empty if the system's theme decides."""
        theme = self._request.COOKIES.get(THEME_COOKIE, "")
        return theme if theme in THEMES else ""

    @cached_property
    def sidebar(self) -> list[NavItem]:
        """Return the sidebar's entries, the current one marked."""
        items = [*self.NAV_ITEMS]
        user = self._request.user
        if isinstance(user, User) and user.has_perm(ADJUDICATE_PERMISSION):
            items.append((gettext_noop("Reviewers"), "reviewers", "reviewers"))
        if getattr(user, "is_staff", False):
            items.append((gettext_noop("Admin"), "admin", "admin:index"))
        return [self._nav_item(*item) for item in items]

    def _nav_item(self, title: str, icon: str, name: str) -> NavItem:
        url = reverse(name)
        path = self._request.path
        return NavItem(gettext(title), icon, url, path == url or (url != "/" and path.startswith(url)))

    @cached_property
    def section_url(self) -> str:
        """Return the address to open for another product: the current section, or the dashboard.

        A page of one part or version belongs to one product, so the section's page is opened.
        """
        urls = [item.url for item in self.sidebar if item.is_current and item.icon != "admin"]
        return urls[-1] if urls else reverse("dashboard")

    @cached_property
    def product(self) -> Product | None:
        """Return the product that the pages show."""
        return chosen_product(self._request)

    @cached_property
    def blind(self) -> set[UUID]:
        """Return the parts whose model results are hidden from this person by blinding."""
        return blind_parts(self._request.user)

    @cached_property
    def product_choices(self) -> list[ProductChoice]:
        """Return all products with their number of waiting parts."""
        waiting = self._waiting_by_product
        return [ProductChoice(product, waiting.get(product.pk, 0)) for product in Product.objects.all()]

    @cached_property
    def other_products(self) -> list[ProductChoice]:
        """Return the other products with their number of waiting parts, most first."""
        others = [choice for choice in self.product_choices if choice.product != self.product]
        return sorted(others, key=lambda choice: -choice.waiting)

    @cached_property
    def waiting(self) -> int:
        """Return the number of parts of the chosen product that wait for this person."""
        return self._waiting_by_product.get(self.product.pk, 0) if self.product else 0

    @cached_property
    def _waiting_by_product(self) -> dict[int, int]:
        user = self._request.user
        return queue_stats.waiting_count_by_product(user if isinstance(user, User) else None)


def layout_context(request: HttpRequest) -> dict[str, Any]:
    """Return the template context of the layout."""
    return {"layout": Layout(request)}


@require_POST
def set_theme(request: HttpRequest) -> HttpResponse:
    """Store the theme in a cookie and redirect back; any other value deletes the cookie."""
    back = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure())
    response = HttpResponseRedirect(back if safe else reverse("dashboard"))
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        response.set_cookie(THEME_COOKIE, theme, max_age=YEAR_SECONDS, samesite="Lax", secure=request.is_secure())
    else:
        response.delete_cookie(THEME_COOKIE)
    return response
