"""How the machine's words are said to editors."""

from django.utils.translation import gettext_lazy as _

SCORERS = {
    "hybrid": _("Hybrid"),
    "popular": _("Popularity"),
    "trending": _("Trending"),
    "content": _("Content (texts)"),
    "similar": _("Similar texts"),
    "ease": _("EASE (visitors)"),
    "svd": _("TruncatedSVD (visitors)"),
    "item_knn": _("Item to item (visitors)"),
    "interests": _("Interests (texts)"),
    "cold": _("New items, by their texts"),
    "segment_popular": _("Popularity in the segment"),
    "als": _("ALS factors (visitors)"),
    "bpr": _("BPR factors (visitors)"),
    "user_knn": _("Visitor to visitor"),
    "rp3beta": _("Random walks (visitors)"),
    "markov": _("What comes next (Markov)"),
    "sasrec": _("What comes next (attention)"),
    "recent_ease": _("EASE on the newest items (visitors)"),
    "engagement": _("Chance of a click"),
    "stacked": _("Stacked"),
    "lambdamart": _("LambdaMART"),
    "recent": _("Recently viewed"),
    "newest": _("Newest"),
    "editors": _("Editors’ choice"),
    "boost": _("Boost"),
    "fresh": _("Freshness"),
    "read": _("Already read"),
    "ignored": _("Seen and ignored"),
    "other": _("Everything else"),
    "serving": _("The version serving then"),
}


OUTCOMES = {
    "ranked": _("shown"),
    "pinned": _("pinned"),
    "varied": _("shown for variety"),
    "calibrated": _("shown to keep the visitor’s own mix"),
    "fair": _("shown to share attention fairly"),
    "explored": _("tried out"),
    "lower_score": _("scored lower"),
    "gave_way": _("gave way to others, for the sake of the list"),
    "cap": _("held back by a cap"),
    "frequency_cap": _("shown often without a click"),
    "excluded": _("excluded"),
    "dismissed": _("dismissed by the visitor"),
}

REASONS = {
    "hybrid": _("Ranked by what was learned from all visitors, for this one."),
    "content": _("Ranked by how close the texts are to this visitor’s interest."),
    "context": _("Nothing is known of this visitor: ranked by the page being viewed and by what many choose."),
    "similar": _("Ranked by likeness to the page being viewed."),
    "popular": _("Ranked by popularity."),
    "trending": _("Ranked by what more people than usual read."),
    "recent": _("What this visitor looked at last."),
    "newest": _("The newest first: nothing else is known to rank by."),
    "editorial": _("In the editors’ order."),
    "no_candidates": _("Nothing may be shown: the pool, the language and the exclusions leave no item."),
    "late": _("Ranking took too long; the fallback is shown."),
    "switched_off": _("Personalization is switched off; the fallback is shown."),
    "flag_off": _("The slot’s flag is off; the fallback is shown."),
    "not_live": _("The slot is not published."),
    "held_out": _("The visitor is one for whom nothing is personalized, so that its worth can be told."),
    "not_personalized": _("The slot, or the visitor’s arm of an experiment, does without; the fallback is shown."),
    "other_segment": _("The slot is for segments to which this visitor does not belong; the fallback is shown."),
}


TRIGGERS = {
    "schedule": _("the schedule"),
    "command": _("a command"),
    "editor": _("somebody in the admin"),
    "drift": _("drift"),
    "volume": _("the number of events"),
}


def trigger_label(name: str) -> str:
    """Who or what started a run; a site's own name for it stays as it is."""
    return str(TRIGGERS.get(name, name))


def scorer_label(name: str) -> str:
    """A scorer's name for people; a site's own scorer keeps the name it has."""
    return str(SCORERS.get(name, name))


def reason_text(code: str) -> str:
    """Why a decision looks as it does, in a sentence."""
    return str(REASONS.get(code) or _("Something failed (%(code)s); the log says what.") % {"code": code})
