"""Every Celery task, and the one way to ask for one."""

import logging
from functools import partial
from typing import Any

from celery import Task, shared_task
from django.db import transaction

from personalization import conf
from personalization.catalog import services as catalog
from personalization.events import forecasting, retention
from personalization.experiments import learning, overlaps, retiring, sums
from personalization.experiments import services as experiments
from personalization.monitoring import auditing
from personalization.monitoring import services as monitoring
from personalization.monitoring.models import FairnessAudit
from personalization.training import services as training
from personalization.variants import generation, rechecking
from personalization.variants import services as variants
from personalization.variants.models import GenerationRequest
from personalization.visitors import segments

logger = logging.getLogger(__name__)


def enqueue(task: Task, *args: Any) -> None:
    """Ask for a task once this transaction is committed; that the broker is gone is logged, never raised."""
    transaction.on_commit(partial(_send, task, args))


def _send(task: Task, args: tuple[Any, ...]) -> None:
    try:
        task.delay(*args)
    except Exception:
        if task.app.conf.task_always_eager:
            raise  # it ran here and now, so the failure is the task's own
        logger.exception("%s could not be queued. Is the broker up? The next scheduled run makes up for it.", task.name)


@shared_task
def embed_items() -> int:
    return catalog.embed_items()


@shared_task
def index_catalog() -> int:
    report = catalog.index_all()
    variants.notice_changed_sources()
    if report.changed:
        enqueue(embed_items)
    return report.changed


@shared_task
def index_subtree(path_prefix: str) -> int:
    report = catalog.index_subtree(path_prefix=path_prefix)
    if report.changed:
        variants.notice_changed_sources()
        enqueue(embed_items)
    return report.changed


# Acknowledged before it starts: a training that is killed for its memory would otherwise come back at once, for ever.
@shared_task(acks_late=False)
def train(trigger: str = "schedule") -> str:
    return training.train(trigger=trigger).status


@shared_task(acks_late=False)
def train_if_due() -> str | None:
    """Train if somebody or something has asked for it, or if enough has happened since the newest version."""
    training.request_due_training()
    run = training.train_queued()
    return run and run.status


@shared_task
def measure_drift() -> int:
    return len(monitoring.measure_drift())


@shared_task(acks_late=False)
def audit_fairness(audit_id: int) -> str:
    return auditing.carry_out(audit=FairnessAudit.objects.get(pk=audit_id)).status


@shared_task
def forecast_visits() -> int:
    return forecasting.forecast_visits().visitors


@shared_task
def forecast_tags() -> int:
    return forecasting.forecast_tags().tags


@shared_task
def discover_segments() -> int:
    return len(segments.discover_segments())


@shared_task
def run_experiment_schedule() -> int:
    return experiments.start_due()


@shared_task
def learn_bandits() -> int:
    return learning.learn_all()


@shared_task
def sum_experiments() -> int:
    written = sums.refresh_all()
    overlaps.refresh_all()
    return written


# Whoever is killed while a model is asked leaves the part to others: its drafts are made once.
@shared_task(acks_late=True, rate_limit=conf.get().generator_rate or None)
def generate_part(part_id: int) -> bool:
    return generation.generate_part(part_id=part_id)


@shared_task
def continue_generation() -> int:
    """Put into the queue what has waited long enough, and what a lost worker or message left undone."""
    due = generation.due_parts()
    for part_id in due:
        enqueue(generate_part, part_id)
    return len(due)


@shared_task
def recheck_variants() -> int:
    """Hold variants against guardrails that have changed; one that is stopped goes on where it was, if run again."""
    report = rechecking.recheck()
    if report.in_slots:
        logger.warning(
            "Approved variants that the guardrails would block today: %s.", ", ".join(map(str, report.in_slots))
        )
    return report.checked


def generate(request: GenerationRequest) -> None:
    """Put what waits of a request into the queue; whoever asks for variants, or resumes, does so."""
    for part_id in generation.queue_parts(request=request):
        enqueue(generate_part, part_id)


@shared_task
def judge_variants() -> int:
    return retiring.judge_variants()


@shared_task
def purge_events() -> int:
    retention.blank_networks()
    return retention.purge_events(older_than_days=conf.get().retention_days) + retention.purge_lapsed_visitors()
