"""Addresses of what is learned."""

from django.urls import path

from mltasks import views

urlpatterns = [
    path("models/", views.models, name="models"),
    path("models/run-<int:pk>/", views.run, name="run"),
    path("models/run-<int:pk>/live/", views.run_live, name="run-live"),
    path("models/run-<int:pk>/retry/", views.retry, name="run-retry"),
    path("models/<slug:model>/rows/", views.rows, name="model-rows"),
    path("models/<slug:model>/<int:number>/", views.version, name="version"),
    path("models/<slug:model>/<int:number>/promote/", views.promote, name="version-promotion"),
]
