"""Product selected by a request."""

from __future__ import annotations

from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from inspection.models import Product
from mltasks.web.selection import chosen_model


def chosen_product(request: HttpRequest) -> Product | None:
    """Return the product of the selected registered model; None without products."""
    products = Product.objects.select_related("registered_model")
    model = chosen_model(request)
    return (products.filter(registered_model=model).first() if model else None) or products.first()


def product_of(slug: str) -> Product:
    """Return the product with this slug and its registered model. Raises Http404."""
    return get_object_or_404(Product.objects.select_related("registered_model"), slug=slug)
