"""Findings belong to the words as they stand, by the rules as they are, for the source as it says now."""

import socket

import pytest
from django.core.management import call_command
from wagtail.models import Locale, Site

from personalization import tasks
from personalization.catalog.models import Item
from personalization.variants import gathering, reviewing, services
from personalization.variants.checking import check_variant
from personalization.variants.choices import State
from personalization.variants.finding_words import ADVICE, LABELS, SENTENCES, advice_of, label_of, sentence_of
from personalization.variants.gathering import rule_set_for, rules_for
from personalization.variants.guardrails.registry import RULES
from personalization.variants.limits import RuleSet
from personalization.variants.models import GenerationPart, GenerationRequest, PromptTemplate, Variant
from personalization.variants.rechecking import blocked_in_slots, recheck
from personalization.variants.reviewing import ReviewError
from tests.slots.world import make_item, make_slot
from tests.variants.hostile import SOURCE
from tests.variants.world import approved, editor, make_draft, person, submitted

pytestmark = pytest.mark.django_db


@pytest.fixture
def item(site) -> Item:
    return make_item(2, topic="food", text_hash="as it is", **SOURCE)


def fresh(variant: Variant) -> Variant:
    return Variant.objects.get(pk=variant.pk)


def rules(variant: Variant, *severities: str) -> list[str]:
    return [raw["rule"] for raw in fresh(variant).findings if not severities or raw["severity"] in severities]


def edit(variant: Variant, **words: str) -> Variant:
    edited = fresh(variant)
    for name, text in words.items():
        setattr(edited, name, text)
    edited.save_revision(user=editor())
    return fresh(variant)


def house_rules(**given) -> RuleSet:
    return RuleSet.objects.create(**{"name": "House rules", **given})


def test_a_draft_is_checked_when_it_is_made(item):
    variant = make_draft(item, headline="<b>Bread</b> for 300 people")
    assert variant.headline == "Bread for 300 people"
    assert variant.latest_revision.as_object().headline == "Bread for 300 people"
    assert variant.drafted == {"headline": "<b>Bread</b> for 300 people"}
    assert rules(variant, "redact") == ["markup"]
    assert rules(variant, "block") == ["numbers"]
    assert variant.is_checked
    assert variant.is_blocked
    assert variant.rules_version == "1/built-in"


def test_what_was_taken_out_is_still_told_at_the_next_look(item):
    variant = make_draft(item, headline="<b>Bread</b> while you sleep")
    for _look in range(2):
        check_variant(variant=fresh(variant))
        assert rules(variant) == ["markup"]
    assert rules(edit(variant, headline="Bread as you sleep")) == []


def test_an_edit_is_checked_as_it_is_saved(item):
    variant = make_draft(item, headline="Bread while you sleep")
    assert not fresh(variant).is_blocked
    assert rules(edit(variant, headline="Bread for 300 people")) == ["numbers"]
    edited = edit(variant, headline="Bread<br> while you sleep")
    assert (edited.headline, rules(edited)) == ("Bread while you sleep", ["markup"])
    assert edited.latest_revision.user == editor()
    assert edited.latest_revision.as_object().headline == edited.headline


def test_an_edit_that_would_leave_nothing_is_kept_and_blocked(item):
    variant = edit(make_draft(item, headline="Bread"), headline="<b></b>")
    assert variant.headline == "<b></b>"
    assert variant.is_blocked


def test_what_is_blocked_cannot_be_submitted(item):
    variant = make_draft(item, headline="Bread for 300 people")
    with pytest.raises(ReviewError, match="guardrail"):
        services.submit_variant(variant=variant, user=editor())
    services.submit_variant(variant=edit(variant, headline="Bread for all"), user=editor())
    assert fresh(variant).state == State.IN_REVIEW


def test_rules_that_became_stricter_hold_at_approval(item):
    variant = make_draft(item, headline="Bread while you sleep")
    state = submitted(variant)
    house_rules(banned="while you sleep")
    with pytest.raises(ReviewError, match="guardrail"):
        reviewing.approve(task_state=state, user=person("reviewer", "approve_variant"))
    assert fresh(variant).state == State.IN_REVIEW


def test_words_under_review_are_not_changed_by_a_rule(item):
    variant = make_draft(item, headline="Bread while you sleep")
    state = submitted(variant)
    house_rules(banned="while you sleep", severities={"banned": "redact"})
    check_variant(variant=fresh(variant))
    assert fresh(variant).headline == "Bread while you sleep"
    assert rules(variant, "block") == ["banned"]
    assert state.status == state.STATUS_IN_PROGRESS


def test_a_new_rule_takes_words_out_of_drafts(item):
    variant = edit(make_draft(item, headline="Bread"), headline="Bread while you sleep")
    house_rules(banned="while you sleep", severities={"banned": "redact"})
    recheck()
    variant = fresh(variant)
    assert variant.headline == "Bread …"
    # The eyes that may approve it are still not the editor's.
    assert variant.latest_revision.user == editor()
    assert rules(variant) == ["banned"]


def test_the_rules_of_a_language_come_first(item):
    french = Locale.objects.get_or_create(language_code="fr")[0]
    general, own = house_rules(), RuleSet.objects.create(name="Règles", locale=french, claims="magique")
    english = Locale.objects.get(language_code="en")
    assert rule_set_for(english.pk) == general
    assert rule_set_for(french.pk) == own
    general.delete()
    assert rule_set_for(english.pk) is None


def test_a_template_adds_its_limits_and_terms(item):
    template = PromptTemplate.objects.create(
        name="Plain", longest_headline=20, must_say="sourdough\n", must_not_say="wonder cure"
    )
    request = GenerationRequest.objects.create(template=template, template_version=template.version)
    part = GenerationPart.objects.create(request=request, item=item)
    variant = make_draft(item, headline="A wonder cure, while you sleep", part=part)
    assert sorted(rules(variant, "block")) == ["banned", "required", "too_long"]
    assert variant.rules_version.endswith(f"/{template.version}")
    house_rules(required="bread")
    assert rules_for(variant).required == ("bread", "sourdough")


def test_links_lead_to_what_is_live_here(item, site):
    shown = make_item(7, topic="food")
    host = Site.objects.get().hostname
    assert rules(make_draft(item, summary=f"Read http://{host}{shown.url} next")) == []
    assert rules(make_draft(item, summary=f"Read http://{host}/ next")) == []
    assert rules(make_draft(item, summary=f"Read http://{host}/no/such/page/ next")) == ["link_missing"]
    Item.objects.filter(pk=shown.pk).update(live=False)
    assert rules(make_draft(item, summary=f"Read http://{host}{shown.url} then")) == ["link_missing"]


def test_other_hosts_are_asked_for_by_workers_only(item, monkeypatch):
    house_rules(allowed_domains="example.org")
    asked = []

    def answer(host, *args):
        asked.append(host)
        if host == "gone.example.org":
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        if host == "slow.example.org":
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return [host]

    monkeypatch.setattr(gathering.socket, "getaddrinfo", answer)
    variant = make_draft(item, summary="Read www.example.org, gone.example.org and slow.example.org next")
    assert not asked
    assert rules(variant) == ["link_unknown"] * 3
    check_variant(variant=fresh(variant), measures_meaning=True)
    assert asked == ["www.example.org", "gone.example.org", "slow.example.org"]
    assert [rule for rule in rules(variant) if rule.startswith("link")] == ["link_missing", "link_unknown"]


def test_the_meaning_is_compared_by_workers_and_stays_for_the_same_words(item):
    variant = make_draft(item, headline="Quantum flux capacitors explained")
    assert rules(variant) == []
    check_variant(variant=fresh(variant), measures_meaning=True)
    assert rules(variant) == ["meaning"]
    check_variant(variant=fresh(variant))
    assert rules(variant) == ["meaning"]
    house_rules(severities={"meaning": "off"})
    check_variant(variant=fresh(variant))
    assert rules(variant) == []
    assert rules(edit(variant, headline="Bread while you sleep")) == []


def test_neighbours_are_those_of_the_same_visitors(item):
    make_draft(item, headline="Bread while you sleep")
    assert rules(make_draft(item, headline="Bread, while you sleep!")) == ["like_variant"]
    assert rules(make_draft(make_item(9, topic="food", **SOURCE), headline="Bread while you sleep")) == []


def test_a_slots_own_placeholders_may_be_used(site):
    slot = make_slot(heading="Good day, {visitor.first_name|reader}", text="What we chose for you.")
    assert rules(make_draft(slot=slot, headline="Welcome, {visitor.first_name|reader}")) == []
    assert rules(make_draft(slot=slot, headline="More of {visitor.top_tag|this}")) == ["placeholders"]


def test_old_drafts_are_held_against_new_rules(item, django_capture_on_commit_callbacks):
    shown = approved(item, headline="Bread while you sleep")
    draft = make_draft(item, headline="Slow bread while you sleep")
    gone = make_draft(item, headline="Fast bread while you sleep")
    Variant.objects.filter(pk=gone.pk).update(state=State.REJECTED)
    progress = []
    with django_capture_on_commit_callbacks(execute=True):
        house_rules(banned="while you sleep")
    assert rules(shown, "block") == rules(draft, "block") == ["banned"]
    assert rules(gone) == []
    assert (fresh(shown).state, fresh(shown).live) == (State.APPROVED, True)
    assert list(blocked_in_slots()) == [shown]
    report = recheck(progress=lambda done, total: progress.append((done, total)))
    assert (report.checked, report.blocked, report.in_slots) == (0, (), ())
    assert progress == [(1, 2), (2, 2)]
    RuleSet.objects.update(banned="nothing of it")
    assert recheck().checked == 2
    assert list(blocked_in_slots()) == []
    assert tasks.recheck_variants() == 0


def test_a_recheck_names_what_is_blocked_and_what_would_be(item):
    shown = approved(item, headline="Bread while you sleep")
    draft = make_draft(item, headline="Slow bread while you sleep")
    house_rules(banned="while you sleep")
    report = recheck(Variant.objects.filter(pk__in=[shown.pk, draft.pk]))
    assert (report.checked, report.blocked, report.in_slots) == (2, (draft.pk,), (shown.pk,))


def test_a_slow_look_does_not_overwrite_an_edit(item):
    variant = make_draft(item, headline="Bread while you sleep")
    stale = fresh(variant)
    edited = edit(variant, headline="Bread for 300 people")
    house_rules(banned="while you sleep", severities={"banned": "redact"})
    check_variant(variant=stale, measures_meaning=True)
    assert (fresh(variant).headline, rules(variant)) == (edited.headline, ["numbers"])
    assert fresh(variant).is_checked


def test_the_command_names_what_would_be_blocked(item, capsys):
    shown = approved(item, headline="Bread while you sleep")
    house_rules(banned="while you sleep")
    for checked in (1, 0):
        call_command("recheck_variants", "--no-color")
        told = " ".join(capsys.readouterr().out.split())
        assert f"{checked} variants checked, 0 drafts blocked." in told
        assert f"would be blocked today: {shown.key} “Bread while you sleep”" in told


def test_an_edit_of_dates_keeps_the_check_up_to_date(item):
    variant = edit(make_draft(item, headline="Bread while you sleep"), label="short")
    assert variant.is_checked


def test_each_rule_has_words():
    assert set(LABELS) == set(SENTENCES) == set(RULES)
    assert set(ADVICE) <= set(RULES)
    for rule, about in RULES.items():
        finding = {"rule": rule, "severity": about.default, "field": "headline", "excerpt": "x", "params": {}}
        assert label_of(rule) != rule
        assert sentence_of(finding)
        assert advice_of(finding) or about.default == "warn"
    assert sentence_of({"rule": "of another day", "severity": "warn"}) == "of another day"


def test_findings_read_as_sentences(item):
    house_rules(banned="wonder cure")
    variant = make_draft(item, summary="A wonder cure. Write to ada@example.org.")
    told = [(sentence_of(raw), advice_of(raw)) for raw in variant.findings if raw["rule"] != "link_domain"]
    assert told == [
        ("“ada@example.org” looks like an e-mail address, and the source does not state it.", "Take it out."),
        ("“wonder cure” must not be said.", "Take it out."),
    ]
