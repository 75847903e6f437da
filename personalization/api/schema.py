"""The OpenAPI description of this API alone, whatever other APIs the site has."""

from collections.abc import Callable
from typing import Any

from drf_spectacular.generators import EndpointEnumerator, SchemaGenerator
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


class OwnEndpoints(EndpointEnumerator):
    def should_include_endpoint(self, path: str, callback: Callable[..., Any]) -> bool:
        """Whether the view lives in this package."""
        own = callback.cls.__module__.startswith("personalization.") if hasattr(callback, "cls") else False
        return own and super().should_include_endpoint(path, callback)


class OwnSchemaGenerator(SchemaGenerator):
    endpoint_inspector_cls = OwnEndpoints


class SchemaView(SpectacularAPIView):
    generator_class = OwnSchemaGenerator


class DocsView(SpectacularSwaggerSplitView):
    """Swagger's page with its script in a file of its own, as a strict content security policy wants it."""

    url_name = "personalization:schema"
