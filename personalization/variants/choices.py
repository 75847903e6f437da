"""The closed lists of this room: stable codes, in the database, the log and the API."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Words(models.TextChoices):
    """What of an item, or of a slot, can be worded otherwise."""

    HEADLINE = "headline", _("Headline")
    SUMMARY = "summary", _("Summary")
    CALL_TO_ACTION = "call_to_action", _("Call to action")
    IMAGE_DESCRIPTION = "image_description", _("Image description")


class State(models.TextChoices):
    """Where a variant stands. Only APPROVED may be shown; a stale one waits in the queue for a second look."""

    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    CHANGES = "changes", _("Changes requested")
    APPROVED = "approved", _("Approved")
    STALE = "stale", _("Stale: the source has changed")
    REJECTED = "rejected", _("Rejected")
    RETIRED = "retired", _("Retired")


WAITING = (State.IN_REVIEW, State.STALE)
# What an experiment's arm asks for instead of a label: no variant at all.
ORIGINAL = "original"
# The tag by which images that a model drew are known, whatever stands beside them.
AI_IMAGE = "ai-generated"


class Act(models.TextChoices):
    """What happened to a variant, as the approval record tells it."""

    SUBMITTED = "submitted", _("Submitted for review")
    PASSED = "passed", _("Passed one step of the review")
    APPROVED = "approved", _("Approved")
    CHANGES = "changes", _("Changes requested")
    REJECTED = "rejected", _("Rejected")
    REVOKED = "revoked", _("Approval revoked: the words were edited")
    STALE = "stale", _("Approval expired: the source has changed")
    PROPOSED = "proposed", _("Proposed for retirement")
    RETIRED = "retired", _("Retired")


# What takes a variant into its slot, or out of it.
DECISIVE = (Act.APPROVED, Act.REVOKED, Act.STALE, Act.RETIRED, Act.REJECTED)


class Rejection(models.TextChoices):
    """Why a variant was rejected for good."""

    INACCURATE = "inaccurate", _("Says what the source does not say")
    TONE = "tone", _("Wrong tone")
    QUALITY = "quality", _("Poor language")
    OFFENSIVE = "offensive", _("Offensive or unfair")
    LEGAL = "legal", _("Legal doubts")
    NO_BETTER = "no_better", _("No better than the original")
    OTHER = "other", _("Other")


class RequestStatus(models.TextChoices):
    QUEUED = "queued", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    STOPPED = "stopped", _("Stopped")


class PartStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")
    STOPPED = "stopped", _("Stopped")


class CallStatus(models.TextChoices):
    """How one call of a model ended."""

    RUNNING = "running", _("Running")
    OK = "ok", _("Answered")
    TIMEOUT = "timeout", _("No answer in time")
    RATE_LIMITED = "rate_limited", _("Rate limit reached")
    UNREACHABLE = "unreachable", _("Cannot be reached")
    SERVER_ERROR = "server_error", _("Fault of the server")
    BAD_REQUEST = "bad_request", _("The server refuses the question")
    UNAUTHORIZED = "unauthorized", _("The key is refused")
    REFUSED = "refused", _("The model refuses")
    CUT_OFF = "cut_off", _("Answer cut off")
    MALFORMED = "malformed", _("Answer is not of the agreed form")
    TOO_LARGE = "too_large", _("Answer too large")
    CANCELLED = "cancelled", _("Cancelled")
    LOST = "lost", _("The worker was lost")


class Purpose(models.TextChoices):
    WORDS = "words", _("Words")
    IMAGE = "image", _("Image")
