"""``experiments/{key}/results/``: what a test has shown, as its page in the admin says it."""

from typing import Any, get_args

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from personalization.api import errors
from personalization.api.experiments import ReadersEndpoint
from personalization.api.fields import Figure
from personalization.experiments import readings
from personalization.experiments.choices import Direction, Role
from personalization.experiments.models import Experiment, Phase
from personalization.experiments.results import read_results

LONGEST_NUMBER = 5


def pair(**words: Any) -> serializers.ListField:
    """Two numbers, either of which may be unknown."""
    return serializers.ListField(child=Figure(allow_null=True), min_length=2, max_length=2, **words)


class Comparison(serializers.Serializer):
    effect = Figure(allow_null=True)
    interval = pair(help_text=_("From and to; null where nothing bounds it yet."))
    p_value = Figure(allow_null=True)
    chance_to_win = Figure(allow_null=True)
    risk = pair(allow_null=True, help_text=_("Expected loss of choosing the control, and of choosing the arm."))


class MeasuredArm(serializers.Serializer):
    class Point(serializers.Serializer):
        day = serializers.DateField()
        n = serializers.IntegerField()
        effect = Figure(allow_null=True)
        interval = pair()

    key = serializers.CharField()
    name = serializers.CharField()
    part = serializers.CharField(help_text=", ".join(get_args(readings.Part)))
    n = serializers.IntegerField()
    mean = Figure(allow_null=True)
    comparison = Comparison(allow_null=True)
    corrected_p_value = Figure(allow_null=True)
    outcome = serializers.CharField(help_text=", ".join(get_args(readings.Outcome)[1:]))
    series = Point(many=True)


class ResultsEndpoint(ReadersEndpoint):
    """Read from daily sums; nothing is counted for the request."""

    class ExperimentResults(serializers.Serializer):
        class Results(serializers.Serializer):
            class Phase(serializers.Serializer):
                number = serializers.IntegerField()
                weights = serializers.DictField(child=serializers.FloatField())
                started_at = serializers.DateTimeField()
                ended_at = serializers.DateTimeField(allow_null=True)

            class Check(serializers.Serializer):
                code = serializers.CharField()
                level = serializers.CharField(help_text=", ".join(get_args(readings.Level)))
                title = serializers.CharField()
                text = serializers.CharField()
                blocks = serializers.BooleanField()

            class MeasuredMetric(serializers.Serializer):
                key = serializers.CharField()
                label = serializers.CharField()
                role = serializers.CharField(help_text=", ".join(Role))
                direction = serializers.CharField(help_text=", ".join(Direction))
                unit = serializers.CharField(help_text=", ".join(get_args(readings.Unit)))
                margin = Figure()
                arms = MeasuredArm(many=True)

            class Slice(serializers.Serializer):
                dimension = serializers.CharField()
                value = serializers.CharField()
                metric = serializers.CharField()
                arms = MeasuredArm(many=True)

            class Factors(serializers.Serializer):
                metric = serializers.CharField()
                factors = serializers.ListField(child=serializers.CharField())
                levels = serializers.ListField(child=serializers.CharField())
                comparison = Comparison()
                corrected_p_value = Figure(allow_null=True)

            class Progress(serializers.Serializer):
                class Day(serializers.Serializer):
                    day = serializers.DateField()
                    n = serializers.IntegerField()

                n = serializers.IntegerField()
                daily = serializers.SerializerMethodField()
                planned = serializers.IntegerField(allow_null=True)
                share = Figure(allow_null=True)
                days_left = serializers.IntegerField(allow_null=True)
                ends_on = serializers.DateField(allow_null=True)

                @extend_schema_field(Day(many=True))
                def get_daily(self, progress: readings.Progress) -> list[dict]:
                    return [{"day": day, "n": n} for day, n in progress.daily]

            phase = Phase(allow_null=True)
            state = serializers.CharField(source="verdict_state", help_text=", ".join(get_args(readings.State)))
            summary = serializers.CharField()
            checks = Check(many=True)
            metrics = MeasuredMetric(many=True)
            slices = Slice(many=True)
            factors = Factors(many=True)
            progress = Progress()

        experiment = serializers.CharField()
        summed_at = serializers.DateTimeField(allow_null=True)
        results = Results()

    @extend_schema(
        operation_id="experiment_results",
        parameters=[OpenApiParameter("phase", int, description=str(_("Number of an earlier phase.")))],
        responses=ExperimentResults,
    )
    def get(self, request: Request, key: str) -> Response:
        """The results of the newest phase, or of an earlier one."""
        experiment = Experiment.objects.filter(key=key).first()
        if experiment is None:
            raise _unknown()
        number = request.query_params.get("phase")
        results = read_results(experiment, None if number is None else _phase(experiment, number))
        answer = {"experiment": experiment.key, "summed_at": experiment.summed_at, "results": results}
        return Response(self.ExperimentResults(answer).data)


def _phase(experiment: Experiment, number: str) -> Phase:
    known = number.isdecimal() and len(number) <= LONGEST_NUMBER
    phase = experiment.phases.filter(number=number).first() if known else None
    if phase is None:
        raise _unknown()
    return phase


def _unknown() -> errors.Problem:
    detail = _("There is no such experiment, or no such phase of it.")
    return errors.Problem(status=404, code="unknown_experiment", detail=detail)
