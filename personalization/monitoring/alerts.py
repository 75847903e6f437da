"""Alerts: raised once when a measure crosses its threshold, ended when it is back to normal, told to whoever cares."""

import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import override
from wagtail.admin.mail import send_mail
from wagtail.log_actions import log
from wagtail.permission_policies import ModelPermissionPolicy
from wagtail.users.models import UserProfile

from personalization.monitoring.models import Alert, AlertSubscription, Reading
from personalization.training.services import request_training

logger = logging.getLogger(__name__)

LOG_ACKNOWLEDGE = "personalization.acknowledge"
EMAIL = "personalization/monitoring/alert_email.txt"


def follow(readings: Iterable[Reading]) -> None:
    """Raise, continue and end alerts by what was just read, inside the transaction that keeps the readings.

    An open alert ends only when its value is below the lower threshold, not as soon as it is below the upper one:
    a value that trembles around a threshold makes one alert.
    """
    known = {alert.metric: alert for alert in Alert.objects.select_for_update().open()}
    raised, recovered = [], []
    for reading in readings:
        alert = known.get(reading.metric)
        if reading.slice or reading.status == Reading.Status.TOO_LITTLE:
            continue
        if alert is None and reading.status == Reading.Status.ALERT:
            raised += _raise(reading)
        elif alert is not None and reading.status == Reading.Status.OK:
            recovered.append(_end(alert, reading))
        elif alert is not None:
            _continue(alert, reading)
    if raised or recovered:
        transaction.on_commit(partial(tell, raised=raised, recovered=recovered))
    ask_for_training()


def ask_for_training() -> None:
    """Ask for a new model while alerts that it could put right have not led to one."""
    waiting = [alert for alert in Alert.objects.open().filter(retraining=None) if alert.measure.retrains]
    if not waiting:
        return
    names = get_text_list([str(alert) for alert in waiting], _("and"))
    run = request_training(trigger="drift", reason=_("Changed: %s") % names)
    if run is not None:
        Alert.objects.filter(pk__in=[alert.pk for alert in waiting]).update(retraining=run)


def acknowledge(*, alert: Alert, user: AbstractBaseUser) -> None:
    """Note that somebody has taken notice: it is no longer shown on the dashboard, but stays open until recovered."""
    alert.acknowledged_at, alert.acknowledged_by = timezone.now(), user
    alert.save(update_fields=["acknowledged_at", "acknowledged_by"])
    log(instance=alert, action=LOG_ACKNOWLEDGE, user=user)


def subscribe(*, user: AbstractBaseUser, wanted: bool) -> None:
    """Let a user have alerts by email, too, or no longer."""
    if wanted:
        AlertSubscription.objects.get_or_create(user=user)
    else:
        AlertSubscription.objects.filter(user=user).delete()


def may_see(user: Any) -> bool:
    """Whether somebody may know how the models are."""
    return ModelPermissionPolicy(Reading).user_has_permission(user, "view")


def tell(*, raised: Sequence[Alert], recovered: Sequence[Alert]) -> None:
    """Send one email to each subscriber who may see the page; that one cannot be sent is logged, never raised."""
    for alert in raised:
        logger.warning("Alert: %s is %.3f, threshold %s.", alert.metric, alert.value, alert.threshold)
    for alert in recovered:
        logger.info("Back to normal: %s is %.3f.", alert.metric, alert.value)
    for subscription in AlertSubscription.objects.select_related("user").order_by("pk"):
        user = subscription.user
        if user.is_active and user.email and may_see(user):
            try:
                _send(user, raised, recovered)
            except Exception:
                logger.exception("An alert could not be sent to user %s.", user.pk)


def _raise(reading: Reading) -> list[Alert]:
    """The new alert; nothing if another process has raised it a moment ago."""
    alert, is_new = Alert.objects.get_or_create(
        metric=reading.metric,
        recovered_at=None,
        defaults={
            "value": reading.value,
            "worst": reading.value,
            "threshold": reading.alert,
            "version": reading.version,
            "opened_at": reading.measured_at,
        },
    )
    return [alert] if is_new else []


def _continue(alert: Alert, reading: Reading) -> None:
    alert.value, alert.worst = reading.value, max(alert.worst, reading.value)
    alert.save(update_fields=["value", "worst"])


def _end(alert: Alert, reading: Reading) -> Alert:
    alert.value, alert.recovered_at = reading.value, reading.measured_at
    alert.save(update_fields=["value", "recovered_at"])
    return alert


def _send(user: AbstractBaseUser, raised: Sequence[Alert], recovered: Sequence[Alert]) -> None:
    with override(UserProfile.get_for_user(user).get_preferred_language()):
        names = get_text_list([str(alert) for alert in raised or recovered], _("and"))
        subject = (_("Model alert: %s") if raised else _("Models back to normal: %s")) % names
        text = render_to_string(EMAIL, {"user": user, "raised": raised, "recovered": recovered})
    send_mail(" ".join(subject.split()), text, [user.email])
