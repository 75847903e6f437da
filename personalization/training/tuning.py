"""Better parameters for a recipe's members, found on the training part alone."""

from collections.abc import Callable
from dataclasses import replace

from django.utils.translation import gettext as _

from personalization.recommend.data import Interactions, Items
from personalization.recommend.splits import Splitter
from personalization.recommend.tuning import SPACES, tune
from personalization.training.recipe import Recipe


def tune_members(
    recipe: Recipe,
    train: Interactions,
    items: Items,
    *,
    split: Splitter,
    seconds: float,
    tell: Callable[[str], None],
) -> Recipe:
    """Share the seconds among the members that have something to tune; what cannot be tuned keeps its defaults."""
    names = [name for name in recipe.members if name in SPACES]
    members, notes = dict(recipe.members), list(recipe.notes)
    stage = _("Tuning: %(scorer)s, tries: %(trials)d")
    for name in names:
        tell(stage % {"scorer": name, "trials": 0})
        try:
            tuned = tune(
                name,
                train,
                items=items,
                split=split,
                seconds=seconds / len(names),
                progress=lambda trials, _best, name=name: tell(stage % {"scorer": name, "trials": trials}),
            )
        except (ImportError, ValueError) as error:
            notes.append(_("%(scorer)s was not tuned: %(reason)s") % {"scorer": name, "reason": error})
        else:
            members[name] = tuned.params
    return replace(recipe, members=members, notes=tuple(notes))
