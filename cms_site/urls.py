from django.conf import settings
from django.conf.urls.i18n import i18n_patterns
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import include, path
from wagtail import urls as wagtail_urls
from wagtail.admin import urls as wagtailadmin_urls
from wagtail.api.v2.router import WagtailAPIRouter
from wagtail.api.v2.views import PagesAPIViewSet
from wagtail.documents import urls as wagtaildocs_urls

from personalization import urls as personalization_urls

cms_api = WagtailAPIRouter("cms_api")
cms_api.register_endpoint("pages", PagesAPIViewSet)

urlpatterns = [
    path("django-admin/", admin.site.urls),
    path("cms/", include(wagtailadmin_urls)),
    path("documents/", include(wagtaildocs_urls)),
    path("api/cms/v2/", cms_api.urls),
    path("", include(personalization_urls)),
    path("", include("django_prometheus.urls")),
    path("account/", include("django.contrib.auth.urls")),
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
    # A translated site's home page needs an address of its own: /fr/ beside /.
    *i18n_patterns(path("", include(wagtail_urls)), prefix_default_language=False),
]
