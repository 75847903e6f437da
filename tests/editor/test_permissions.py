"""Every page of the editor's admin, asked for by every role."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import get_resolver, reverse

from personalization.training.models import TrainingRun

ADMIN_ONLY = {"anonymous": "login", "outsider": "refused", "editor": "refused", "admin": "allowed"}
EDITORS = ADMIN_ONLY | {"editor": "allowed"}
WHOEVER_EDITS = EDITORS | {"outsider": "allowed"}

PAGES = {
    "wagtailsnippets_personalization_slot:list": EDITORS,
    "wagtailsnippets_personalization_slot:add": EDITORS,
    "wagtailsnippets_personalization_slot:edit slot": EDITORS,
    "wagtailsnippets_personalization_slot:copy slot": EDITORS,
    "wagtailsnippets_personalization_slot:history slot": EDITORS,
    "wagtailsnippets_personalization_slot:usage slot": EDITORS,
    "wagtailsnippets_personalization_slot:delete slot": EDITORS,
    "wagtailsnippets_personalization_slot:preview_on_add": EDITORS,
    "wagtailsnippets_personalization_slot:preview_on_edit slot": EDITORS,
    "wagtailsnippets_personalization_slot:preview_as slot": EDITORS,
    "personalization_items:index": EDITORS,
    "personalization_items:index_results": EDITORS,
    "personalization_items:inspect item": EDITORS,
    "personalization_versions:index": EDITORS,
    "personalization_versions:index_results": EDITORS,
    "personalization_versions:inspect version": EDITORS,
    "personalization_versions:compare": EDITORS,
    "personalization_versions:promote version": ADMIN_ONLY,
    "personalization_versions:archive version": ADMIN_ONLY,
    "personalization_versions:roll_back": ADMIN_ONLY,
    "personalization_runs:index": EDITORS,
    "personalization_runs:index_results": EDITORS,
    "personalization_runs:inspect run": EDITORS,
    "personalization_runs:progress": EDITORS,
    "personalization_item_chooser:choose": WHOEVER_EDITS,
    "personalization_item_chooser:choose_results": WHOEVER_EDITS,
    "personalization_item_chooser:chosen item": WHOEVER_EDITS,
    "personalization_item_chooser:chosen_multiple": WHOEVER_EDITS,
}
CHANGES = {
    "wagtailsnippets_personalization_slot:preview_as_choose": EDITORS,
    "personalization_versions:archive version": ADMIN_ONLY,
    "personalization_versions:promote version": ADMIN_ONLY,
    "personalization_versions:roll_back": ADMIN_ONLY,
    "personalization_runs:start": ADMIN_ONLY,
}


def judge(response) -> str:
    """Put an answer into a word; Wagtail refuses by leading back to the admin's home page."""
    if response.status_code == 200:
        return "allowed"
    if response.status_code == 403:
        return "refused"
    assert response.status_code == 302
    if response.url.startswith(reverse("wagtailadmin_login")):
        return "login"
    return "refused" if response.url == reverse("wagtailadmin_home") else "allowed"


@pytest.fixture
def address(slot, make_item, version):
    objects = {"slot": slot, "item": make_item("Item"), "version": version, "run": version.run}

    def find(name: str) -> str:
        name, _, wanted = name.partition(" ")
        return reverse(name, args=[objects[wanted].pk] if wanted else [])

    return find


@pytest.mark.parametrize("role", ["anonymous", "outsider", "editor", "admin"])
@pytest.mark.parametrize("page", PAGES)
def test_pages_open_for_those_who_may(page: str, role: str, clients, address):
    assert judge(clients[role].get(address(page))) == PAGES[page][role]


@pytest.mark.parametrize("role", ["anonymous", "outsider", "editor"])
@pytest.mark.parametrize("page", CHANGES)
def test_changes_are_refused_to_those_who_may_not(page: str, role: str, clients, address, version):
    assert judge(clients[role].post(address(page))) == CHANGES[page][role]
    version.refresh_from_db()
    assert version.status == "candidate"
    assert TrainingRun.objects.count() == 1


def test_every_page_of_ours_is_judged_here():
    admin_urls = get_resolver("wagtail.admin.urls").namespace_dict
    ours = ("personalization_items", "personalization_versions", "personalization_runs", "personalization_item_chooser")
    existing = {f"{room}:{name}" for room in ours for name in admin_urls[room][1].reverse_dict if isinstance(name, str)}
    judged = {page.split()[0] for page in (*PAGES, *CHANGES)}
    assert existing == {page for page in judged if page.split(":")[0] in ours}


def test_the_menu_shows_what_one_may_use(clients):
    home = reverse("wagtailadmin_home")
    assert "personalization/items/" in clients["editor"].get(home).content.decode()
    assert "personalization/items/" not in clients["outsider"].get(home).content.decode()


def test_groups_can_be_given_what_means_something_here(admin):
    page = admin.get(reverse("wagtailusers_groups:add")).content.decode()
    ours = Permission.objects.filter(content_type__app_label="personalization")
    offered = {permission.codename for permission in ours if f'value="{permission.pk}"' in page}
    assert offered >= {"view_item", "view_modelversion", "change_modelversion", "view_trainingrun", "add_trainingrun"}
    assert offered >= {"view_visitor", "add_slot", "change_slot", "publish_slot"}
    assert not offered & {"add_item", "change_item", "delete_item", "delete_modelversion", "change_trainingrun"}
