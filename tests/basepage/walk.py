"""Run by test_own_base_page in a process of its own, for the base page model is chosen before any model is loaded."""

import os

import django

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.basepage.settings"
django.setup()

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402
from wagtail.models import Locale, PageViewRestriction, Site  # noqa: E402

from personalization.catalog import services, snapshot  # noqa: E402
from tests.basepage.models import BasePage, StoryPage  # noqa: E402


def shown() -> set[str]:
    catalog = snapshot.current()
    mask = catalog.eligible(site_id=Site.objects.get().pk, locale="en", now=timezone.now())
    return {card.title for card, seen in zip(catalog.cards, mask, strict=True) if seen}


call_command("migrate", run_syncdb=True, verbosity=0)
call_command("check")
locale = Locale.objects.create(language_code="en")
root = BasePage.add_root(instance=BasePage(title="Root", slug="root", locale=locale))
home = root.add_child(instance=BasePage(title="Home", slug="home", locale=locale))
Site.objects.create(hostname="localhost", root_page=home, is_default_site=True)
story = home.add_child(instance=StoryPage(title="Draft", slug="story", words="Long ago.", locale=locale, live=False))
assert shown() == set()
story.save_revision().publish()
assert shown() == {"Draft"}
assert services.index_all().changed == 0
restriction = PageViewRestriction.objects.create(page=home, restriction_type="login")
assert shown() == set()
restriction.delete()
assert shown() == {"Draft"}
section = home.add_child(instance=BasePage(title="Section", slug="section", locale=locale))
StoryPage.objects.get().move(section, pos="last-child")
assert snapshot.current().cards[0].url == "/section/story/"
BasePage.objects.get(slug="section").delete()
assert shown() == set()
print("walked")  # noqa: T201
