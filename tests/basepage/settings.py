"""The demonstration's settings with a base page model of the site's own, as Wagtail 8 allows."""

from cms_site.settings.test import *  # noqa: F403
from cms_site.settings.test import INSTALLED_APPS, PERSONALIZATION

WAGTAIL_PAGE_MODEL = "basepage.BasePage"
INSTALLED_APPS = ["tests.basepage", *(app for app in INSTALLED_APPS if app not in ("cms_site.home", "tests.shop"))]
PERSONALIZATION = PERSONALIZATION | {
    "CATALOG": {"basepage.StoryPage": "personalization.catalog.extractors.PageExtractor"}
}
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}


class WithoutMigrations(dict):
    """Every app's tables are made straight from its models."""

    def __contains__(self, app: object) -> bool:
        return True

    def __getitem__(self, app: str) -> None:
        return None


MIGRATION_MODULES = WithoutMigrations()
