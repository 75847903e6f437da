"""The demonstration's three slots: two on the home page, one below every article."""

from cms_site.home.models import HomePage
from personalization.slots.models import Slot

SLOTS = (
    {
        "key": "home-top",
        "name": "Home page, top",
        "heading": "More for you, {visitor.first_name|reader}",
        "text": "Leaning towards {visitor.top_tag|whatever is new}.",
        "size": 4,
        "policy": "for-you",
    },
    {"key": "home-popular", "name": "Home page, popular", "heading": "Widely read", "size": 4, "policy": "popular"},
    {"key": "article-more", "name": "Below every article", "heading": "Read next", "size": 3, "policy": "similar"},
)


def create_slots(home: HomePage) -> None:
    """Create and publish the slots that are missing, and place the second one in the home page's body."""
    for values in SLOTS:
        if not Slot.objects.filter(key=values["key"]).exists():
            slot = Slot(**values)
            slot.full_clean()
            slot.save()
            slot.save_revision().publish()
    popular = Slot.objects.get(key="home-popular")
    if not any(block.block_type == "slot" for block in home.body):
        home.body.append(("slot", popular))
        home.save_revision().publish()
