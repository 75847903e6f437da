"""What a worker does for one part of a request: one question to the model, and drafts made of its answer."""

import logging
from contextlib import suppress
from datetime import timedelta

from django.db import transaction
from django.utils.translation import gettext as _
from wagtail.models import Locale

from personalization.variants import drawing, parts
from personalization.variants.asking import GenerationCall, GenerationPart, GenerationRequest
from personalization.variants.budgets import BudgetError, reserve
from personalization.variants.calls import call_model
from personalization.variants.checking import check_variant
from personalization.variants.choices import CallStatus, PartStatus, Words
from personalization.variants.generators.base import Answer, Generator, GeneratorError, Picture
from personalization.variants.generators.current import availability, current_generator
from personalization.variants.guardrails.form import storable
from personalization.variants.models import Variant
from personalization.variants.prompting import estimated_usage
from personalization.variants.questions import question_of
from personalization.variants.services import draft_variant

logger = logging.getLogger(__name__)


def generate_part(*, part_id: int, generator: Generator | None = None) -> bool:
    """Ask the model for one part, and keep what it writes as drafts. False where the part is not to be done now.

    However often it is called, and wherever a worker is killed, a part's drafts are made once: they are kept in the
    transaction that lets the part end.
    """
    part = parts.claim(part_id)
    if part is None:
        return False
    # Whoever deletes a request while a part of it runs wants nothing of it any more.
    with suppress(GenerationRequest.DoesNotExist):
        _attempt(part, generator)
    return True


def _attempt(part: GenerationPart, generator: Generator | None) -> None:
    try:
        _carry_out(part, generator or _ready_generator())
    except GeneratorError as error:
        _give_up(part, error)
    except BudgetError as error:
        parts.end(part, PartStatus.FAILED, str(error))
    except Exception:
        logger.exception("Part %s of request %s failed.", part.pk, part.request_id)
        told = _("Something went wrong that nobody had thought of. Tell whoever runs this site: the log has more.")
        parts.end(part, PartStatus.FAILED, told)


def _ready_generator() -> Generator:
    generator = current_generator()
    if generator is None:
        raise GeneratorError(CallStatus.UNREACHABLE, availability().explanation)
    return generator


def _carry_out(part: GenerationPart, generator: Generator) -> None:
    if part.item and not part.item.live:
        parts.end(part, PartStatus.FAILED, _("“%s” is not published any more.") % part.item)
        return
    request, watch = part.request, parts.Watch(part)
    asked = question_of(part)
    call = reserve(
        part=part,
        editor=request.requested_by,
        generator=generator.name,
        model=generator.model,
        estimate=estimated_usage(asked.prompt),
        template_version=request.template.version,
    )
    answer = call_model(call, lambda: generator.write(asked.prompt, is_cancelled=watch.is_cancelled))
    alternatives = _alternatives(answer, request)
    picture, told = drawing.draw_for(part, asked.source, alternatives[0], generator, watch)
    for variant in _keep(part, call, asked.locale, alternatives, picture, told):
        check_variant(variant=variant, measures_meaning=True)


def _alternatives(answer: Answer, request: GenerationRequest) -> list[dict[str, str]]:
    """What is worth to be kept of an answer: alternatives that say anything, and no more than were asked for."""
    found = [words for words in map(storable, answer.alternatives) if any(map(str.strip, words.values()))]
    if not found:
        raise GeneratorError(CallStatus.MALFORMED, _("The model wrote nothing. Try again, or choose another template."))
    return found[: request.alternatives]


@transaction.atomic
def _keep(
    part: GenerationPart,
    call: GenerationCall,
    locale: Locale,
    alternatives: list[dict[str, str]],
    picture: Picture | None,
    told: str,
) -> list[Variant]:
    """Let the part end, and make its drafts, both or neither; none where the part is another worker's by now."""
    if not parts.end(part, PartStatus.DONE, told):
        return []
    image = drawing.keep_picture(picture, part, alternatives[0]) if picture else None
    described = {Words.IMAGE_DESCRIPTION: image.description} if image else {}
    return [
        draft_variant(
            words=words | described,
            locale=locale,
            item=part.item,
            slot=part.slot,
            segment=part.segment,
            requested_by=part.request.requested_by,
            image=image,
            part=part,
            call=call,
            template_version=call.template_version,
            model=call.model,
        )
        for words in alternatives
    ]


def _give_up(part: GenerationPart, error: GeneratorError) -> None:
    """Let a part wait where the server says when to come again; this is the only place that tries anything twice."""
    if error.status == CallStatus.CANCELLED:
        parts.end(part, PartStatus.STOPPED, str(error))
    elif error.retry_after is not None:
        parts.put_off(part, timedelta(seconds=error.retry_after), str(error))
    else:
        parts.end(part, PartStatus.FAILED, str(error))
