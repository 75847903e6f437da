from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.test import Client

from personalization.catalog.models import Embedding, Item
from personalization.slots.models import Slot
from personalization.training.models import ModelVersion, TrainingRun

EDITOR = (
    "add_slot",
    "change_slot",
    "publish_slot",
    "delete_slot",
    "view_item",
    "view_modelversion",
    "view_trainingrun",
)


def login(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def staff(name: str, *codenames: str) -> User:
    """A user who may enter the admin and has permissions of ours."""
    user = User.objects.create_user(name, password="secret")
    user.user_permissions.set(Permission.objects.filter(codename__in=("access_admin", *codenames)))
    return user


@pytest.fixture
def clients(db, site) -> dict[str, Client]:
    """One browser for each role."""
    return {
        "anonymous": Client(),
        "outsider": login(staff("outsider")),
        "editor": login(staff("editor", *EDITOR)),
        "admin": login(User.objects.create_superuser("admin", password="secret")),
    }


@pytest.fixture
def admin(clients: dict[str, Client]) -> Client:
    return clients["admin"]


@pytest.fixture
def make_item(db) -> Callable[..., Item]:
    def make(title: str, *, embedded: bool = False, **values) -> Item:
        number = Item.objects.count() + 1
        given = {
            "key": f"page:{9000 + number}",
            "group": f"page:{9000 + number}",
            "content_type": ContentType.objects.get_by_natural_key("home", "articlepage"),
            "object_id": str(9000 + number),
            "title": title,
            "url": f"/items/{number}/",
            "locale": "en",
            "text_hash": "new",
        }
        item = Item.objects.create(**given | values)
        if embedded:
            Embedding.objects.create(item=item, model="dummy", text_hash=item.text_hash, vector=b"\0" * 16)
        return item

    return make


@pytest.fixture
def slot(db) -> Slot:
    return Slot.objects.create(key="home-top", name="Top of the home page")


def figures(ndcg: float) -> dict:
    return {
        "metrics": {"ndcg@10": ndcg, "recall@10": 0.2, "coverage@10": 0.5},
        "intervals": {"ndcg@10": [ndcg - 0.01, ndcg + 0.01]},
        "fit_seconds": 1.5,
    }


@pytest.fixture
def version(db) -> ModelVersion:
    run = TrainingRun.objects.create(status=TrainingRun.Status.SUCCEEDED, message="v1 stays a candidate.")
    metrics = {"visitors": 120, "scorers": {"popular": figures(0.25), "hybrid": figures(0.4875)}}
    return ModelVersion.objects.create(
        run=run, artifact="20260101T000000-abc", metrics=metrics, verdict="Beats popularity.", interactions=5000
    )
