"""What an experiment's fields may say, in words that editors read."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Status(models.TextChoices):
    DRAFT = "draft", _("Draft")
    SCHEDULED = "scheduled", _("Scheduled")
    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    ENDED = "ended", _("Ended")


class Allocation(models.TextChoices):
    FIXED = "fixed", _("Fixed shares: the test that answers a question")
    THOMPSON = "thompson", _("Bandit: more and more visitors get what works (Thompson sampling)")
    CONTEXTUAL = "contextual", _("Contextual bandit: what works for visitors like this one")


class Method(models.TextChoices):
    SEQUENTIAL = "sequential", _("Sequential: may be looked at any day")
    FIXED = "fixed", _("Fixed: counts only once the planned visitors are in")
    BAYESIAN = "bayesian", _("Bayesian: chance to win and expected loss")


class Correction(models.TextChoices):
    HOLM = "holm", _("Holm: no false alarm among all goals")
    BENJAMINI_HOCHBERG = "bh", _("Benjamini-Hochberg: few false alarms among many goals")
    NONE = "none", _("None")


class Verdict(models.TextChoices):
    SHIP = "ship", _("Ship an arm: the slot takes it over")
    KEEP = "keep", _("Keep the control")
    INCONCLUSIVE = "inconclusive", _("Inconclusive")


class Measure(models.TextChoices):
    CLICKED = "clicked", _("Visitors who click")
    CLICK_RATE = "click_rate", _("Clicks per impression")
    CONVERTED = "converted", _("Visitors who reach a goal")
    VALUE = "value", _("Value per visitor")
    DWELL = "dwell", _("Seconds spent per visitor")
    RETURNED = "returned", _("Visitors who come back on another day")


class Scope(models.TextChoices):
    SLOT = "slot", _("In this slot")
    SITE = "site", _("Anywhere on the site")


class Role(models.TextChoices):
    GOAL = "goal", _("Goal: decides")
    SECONDARY = "secondary", _("Secondary: explains")
    GUARDRAIL = "guardrail", _("Guardrail: must not get worse")


class Direction(models.TextChoices):
    INCREASE = "increase", _("More is better")
    DECREASE = "decrease", _("Less is better")
