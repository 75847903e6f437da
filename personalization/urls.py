"""Everything the app answers: the API, and the pages a visitor's browser or a monitor asks for."""

from django.urls import include, path

from personalization.api import health, pages
from personalization.api import urls as api_urls

app_name = "personalization"

urlpatterns = [
    path("api/personalization/v1/", include(api_urls)),
    path("privacy/", pages.privacy, name="privacy"),
    path(".well-known/gpc.json", pages.gpc, name="gpc"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
]
