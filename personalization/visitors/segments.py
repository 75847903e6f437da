"""What can be asked of segments and done with them: how many belong, who, and which groups the visitors fall into."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.text import slugify

from personalization.recommend.clusters import Cluster, discover
from personalization.visitors.matching import ABOUT_VISITOR, Facts, Membership, live_memberships
from personalization.visitors.models import Profile, Segment

SAMPLE = 2_000
MOST_EXAMPLES = 8
# Of a smaller group an editor could guess who is in it.
SMALLEST_GROUP = 20
CLUSTERED = 20_000
STORED = frozenset({*ABOUT_VISITOR, "device", "signed_in"})
USED = ("updated_at", "tags", "counts", "device", "returns", "last_interaction_at", "visitor__key", "visitor__user_id")


@dataclass(frozen=True)
class Estimate:
    """How many of the visitors who allow personalization belong to a segment, from a sample of them.

    `left_out` names the rules about the request, which cannot be asked of somebody who is not here: they are taken
    as fulfilled. `members` is None when no rule is left. `overlaps` counts those who belong to another segment, too.
    """

    visitors: int
    sampled: int
    members: int | None
    left_out: tuple[str, ...]
    examples: tuple[Profile, ...] = ()
    overlaps: tuple[tuple[Membership, int], ...] = ()

    @property
    def share(self) -> float | None:
        """The part of the sample that belongs."""
        return self.members / self.sampled if self.members is not None and self.sampled else None

    @property
    def expected(self) -> int | None:
        """How many that makes of all."""
        return None if self.share is None else round(self.share * self.visitors)


def facts_of(profile: Profile, now: datetime) -> Facts:
    """What is known of somebody who allowed personalization and is not here now."""
    is_signed_in = profile.visitor.user_id is not None
    return Facts(
        now=now, device=profile.device, is_signed_in=lambda: is_signed_in, may_personalize=True, profile=profile
    )


@dataclass(frozen=True, eq=False)
class Sample:
    """Some of the visitors who allow personalization, of whom there are `visitors`."""

    visitors: int
    profiles: tuple[Profile, ...]
    now: datetime

    def members_of(self, membership: Membership) -> list[Profile]:
        """Those who belong to a segment."""
        return [profile for profile in self.profiles if membership.admits(facts_of(profile, self.now))]


def sample_visitors() -> Sample:
    """Every so manyth visitor, so that the same visitors make the same sample."""
    profiles = _consenting()
    visitors = profiles.count()
    return Sample(visitors, tuple(_sample(profiles, visitors, SAMPLE)), timezone.now())


def estimate(*, membership: Membership, sample: Sample, others: Sequence[Membership] = ()) -> Estimate:
    """Count a segment's members in a sample, and how many of them belong to other segments, too."""
    stored, left_out = _stored_part(membership)
    if not stored.rules:
        return Estimate(sample.visitors, len(sample.profiles), None, left_out)
    members = sample.members_of(stored)
    among = replace(sample, profiles=tuple(members))
    compared = [_stored_part(other)[0] for other in others if other.key != membership.key]
    overlaps = tuple((other, number) for other in compared if (number := len(among.members_of(other))))
    examples = tuple(members[:MOST_EXAMPLES])
    return Estimate(sample.visitors, len(sample.profiles), len(members), left_out, examples, overlaps)


def lasting_segments(*, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (visitor key, segment key): for each visitor the first segment that rests on what was learned alone."""
    memberships = [membership for membership in live_memberships() if membership.is_lasting]
    if not memberships:
        return
    now = timezone.now()
    for start in range(0, len(keys), 400):
        for profile in _consenting().filter(visitor__key__in=keys[start : start + 400]):
            facts = facts_of(profile, now)
            found = next((membership.key for membership in memberships if membership.admits(facts)), None)
            if found:
                yield profile.visitor.key, found


@transaction.atomic
def discover_segments(*, seed: int = 0) -> list[Segment]:
    """Propose the groups that visitors fall into as drafts, for an editor to name, correct and publish.

    Earlier proposals that nobody has touched make room. What was published or edited stays as it is, and the group
    is not proposed again.
    """
    profiles = _consenting()
    tastes = [profile.tags for profile in _sample(profiles, profiles.count(), CLUSTERED)]
    clusters = discover(tastes, smallest=SMALLEST_GROUP, seed=seed)
    Segment.objects.filter(source=Segment.Source.DISCOVERED, live=False, latest_revision=None).delete()
    taken = {(tuple(kept.clusters["tags"])) for kept in Segment.objects.exclude(clusters=None)}
    return [
        _propose(number, clusters)
        for number, cluster in enumerate(clusters)
        if cluster.tags and cluster.tags not in taken
    ]


def _propose(number: int, clusters: Sequence[Cluster]) -> Segment:
    cluster = clusters[number]
    told = {
        "centroids": [dict(other.centroid) for other in clusters],
        "number": number,
        "tags": list(cluster.tags),
    }
    return Segment.objects.create(
        name=", ".join(cluster.tags)[:120],
        key=_free_key("-".join(cluster.tags)),
        source=Segment.Source.DISCOVERED,
        clusters=told,
        live=False,
        has_unpublished_changes=True,
    )


def _free_key(words: str) -> str:
    key = f"likes-{slugify(words)}"[:55].rstrip("-")
    taken = set(Segment.objects.filter(key__startswith=key).values_list("key", flat=True))
    return next(name for n in range(len(taken) + 1) if (name := f"{key}-{n + 1}" if n else key) not in taken)


def _consenting() -> QuerySet[Profile]:
    profiles = Profile.objects.filter(visitor__consent__personalization=True)
    return profiles.select_related("visitor").only(*USED).order_by("pk")


def _sample(profiles: QuerySet[Profile], total: int, size: int) -> list[Profile]:
    step = -(-total // size)
    chosen = profiles.annotate(turn=F("pk") % step).filter(turn=0) if step > 1 else profiles
    return list(chosen[:size])


def _stored_part(membership: Membership) -> tuple[Membership, tuple[str, ...]]:
    kept = tuple(rule for rule in membership.rules if rule[0] in STORED)
    left_out = tuple(dict.fromkeys(kind for kind, _value in membership.rules if kind not in STORED))
    return replace(membership, rules=kept), left_out
