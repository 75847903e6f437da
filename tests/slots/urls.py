"""A plain page that shows slots, cached or not, beside everything the demonstration site answers."""

from django.http import HttpRequest, HttpResponse
from django.template import engines
from django.urls import path
from django.views.decorators.cache import cache_control, cache_page

from cms_site.urls import urlpatterns as site_urlpatterns

TAGS = "{% load personalization %}"


def page(request: HttpRequest) -> HttpResponse:
    """``?slots=a,b&mode=fragment&chrome=1``: the slots, and with chrome the client and the banner."""
    mode = "fragment" if request.GET.get("mode") == "fragment" else "inline"
    keys = [key for key in request.GET.get("slots", "").split(",") if key]
    tags = [f'{{% slot "{key}" mode="{mode}" %}}' for key in keys]
    if "chrome" in request.GET:
        tags += [f'{{% personalization_client mode="{mode}" %}}', f'{{% consent_banner mode="{mode}" %}}']
    template = engines["django"].from_string(TAGS + "".join(tags))
    return HttpResponse(template.render(request=request))


urlpatterns = [
    path("page/", page),
    path("cached/", cache_page(600)(page)),
    path("public/", cache_control(public=True, max_age=3600)(page)),
    *site_urlpatterns,
]
