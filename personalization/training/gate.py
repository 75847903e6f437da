"""The gate between a candidate and the visitors: what it must beat, by how much, and in which words that is told."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from personalization.recommend.evaluation import Difference, Report, paired_difference

CANDIDATE = "hybrid"
BASELINE = "popular"
SERVING = "serving"


@dataclass(frozen=True)
class Verdict:
    """Whether the candidate may serve, and the sentence that says why."""

    passed: bool
    reason: str


def judge(report: Report, *, margin: float) -> Verdict:
    """Let a candidate pass that clearly beats popularity and is, within the margin, no worse than what serves now.

    Both comparisons are made visitor by visitor on the same hold-out; "clearly" and "no worse" speak of the whole 95 %
    interval of the difference in NDCG@10.
    """
    above = paired_difference(report, CANDIDATE, BASELINE)
    if not above.is_clear:
        return Verdict(False, _("Not clearly better than popularity: %s.") % _told(above, report))
    sentences = [_("Beats popularity: %s.") % _told(above, report)]
    if any(row.scorer == SERVING for row in report.rows):
        against = paired_difference(report, CANDIDATE, SERVING)
        if against.interval[0] < -margin:
            return Verdict(False, _("May be worse than the version serving now: %s.") % _told(against, report))
        sentences.append(_("No worse than the version serving now: %s.") % _told(against, report))
    return Verdict(True, " ".join(sentences))


def _told(difference: Difference, report: Report) -> str:
    return _("NDCG@10 %(mean)+.4f (%(low)+.4f to %(high)+.4f, %(visitors)d visitors)") % {
        "mean": difference.mean,
        "low": difference.interval[0],
        "high": difference.interval[1],
        "visitors": report.n_visitors,
    }
