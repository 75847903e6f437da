"""Experiments as one request meets them: which arm the slot gives, and what its exposure notes."""

from collections.abc import Mapping
from typing import Any

from personalization import conf
from personalization.experiments.assignment import HELD_OUT, Assignment, assign, is_held_out
from personalization.slots.context import ServingContext
from personalization.slots.decision import Reason
from personalization.slots.definitions import Definition
from personalization.slots.stages import StageError, Stages


def put_under_test(definition: Definition, stages: Stages) -> Definition:
    """The slot as the visitor's arm has it. What goes wrong later is still what this arm gave."""
    context = stages.context
    if context.memory.experiments.get(definition.pk) or conf.get().global_holdout:
        with stages.stage(Reason.VISITOR_FAILED):
            context.unit  # noqa: B018 - asks for the visitor, by whom the hash goes
    with stages.stage(Reason.EXPERIMENT_FAILED, timed=False):
        assignment = context.assignments[definition.key] = _assignment(definition, context)
        if is_kept_apart(context) or (assignment and assignment.arm is None):
            raise StageError(Reason.HELD_OUT)
        if not (assignment.arm if assignment else definition).personalizes:
            raise StageError(Reason.NOT_PERSONALIZED)
        if assignment is None:
            return definition
        if version := assignment.arm.model_version:
            stages.context = context.by_version(version)
            # One that this process has not held before is read from disk: giving up after it would gain nothing.
            stages.start_clock()
        return context.memory.altered(definition, assignment)


def is_kept_apart(context: ServingContext) -> bool:
    """Whether the visitor is of those for whom the site never personalizes, so that its value can be told."""
    share = conf.get().global_holdout
    return share > 0 and is_held_out(context.unit, share)


def arm_key_of(slot_key: str, context: ServingContext) -> str:
    """The arm that a slot's decision names in its token."""
    if is_kept_apart(context):
        return HELD_OUT
    assignment = context.assignments.get(slot_key)
    return assignment.arm_key if assignment else ""


def exposure_of(slot_key: str, context: ServingContext) -> Mapping[str, Any] | None:
    """What the exposure of an arm notes of the moment, for slices and strata; None outside of experiments."""
    if not arm_key_of(slot_key, context):
        return None
    assignment = context.assignments.get(slot_key)
    noted = {"device": context.facts.device, "locale": context.language, "segment": context.segment}
    return noted | (assignment.noted if assignment else {})


def _assignment(definition: Definition, context: ServingContext) -> Assignment | None:
    experiments = context.memory.experiments.get(definition.pk, ())
    for experiment in experiments:
        if (arm := experiment.arm(context.find_forced_arm(experiment))) is not None:
            context.is_tracked = False  # somebody of the staff has a look: nothing of this page counts
            vars(context).pop("unit", None)
            return Assignment(experiment, arm)
    if not experiments or not context.unit or is_kept_apart(context):
        return None
    return assign(experiments, unit=context.unit, facts=context.facts, segments=lambda: context.segments)
