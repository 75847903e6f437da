"""The generator that the settings name, and what to say where there is none."""

from typing import NamedTuple

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from personalization import conf
from personalization.variants.generators.base import Generator
from personalization.variants.generators.circuit import Breaker


class Availability(NamedTuple):
    """Whether a model can be asked and, if not, what to do about it, in words for the admin.

    `notice` is what whoever runs the site wants editors to know of the model.
    """

    is_ready: bool
    explanation: str
    model: str = ""
    draws: bool = False
    notice: str = ""


def current_generator() -> Generator | None:
    """The site's generator behind its breaker; None where none is ready: `availability` says why."""
    try:
        generator = configured_generator()
    except ImproperlyConfigured:
        return None
    return None if generator is None or generator.missing() else Breaker(generator)


def availability() -> Availability:
    """Whether words, and images, can be asked for now."""
    try:
        generator = configured_generator()
    except ImproperlyConfigured as error:
        return Availability(False, str(error))
    if generator is None:
        return Availability(
            False,
            _(
                "No language model is set up, so none can be asked for words. Whoever runs this site sets GENERATOR "
                "in PERSONALIZATION, and a key or the address of a server of its own. Variants can still be written "
                "by hand."
            ),
        )
    missing = generator.missing()
    notice = str(getattr(generator, "notice", ""))
    return Availability(not missing, missing, generator.model, not missing and generator.draws, notice)


def configured_generator() -> Generator | None:
    """The generator as the settings name it, ready or not; None if they name none."""
    settings = conf.get()
    if not settings.generator:
        return None
    try:
        return import_string(settings.generator)(**settings.generator_options)
    except (ImportError, AttributeError, TypeError, ValueError) as error:
        raise ImproperlyConfigured(
            _("GENERATOR and GENERATOR_OPTIONS in PERSONALIZATION do not go together: %(error)s") % {"error": error}
        ) from error
