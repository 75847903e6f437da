from django.apps import AppConfig


class HomeConfig(AppConfig):
    name = "cms_site.home"
    label = "home"
    verbose_name = "Magazine"
