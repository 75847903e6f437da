"""``experiments/``: which tests there are, for people and programs that may see them."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.settings import api_settings

from personalization.api.requests import Endpoint
from personalization.experiments.choices import Allocation, Measure, Method, Role, Scope, Status, Verdict
from personalization.experiments.models import Experiment


class ReadersEndpoint(Endpoint):
    """Only reads, and only for users who may see experiments, known as the site's other APIs know them.

    Where that is by a session, no other site can make use of it: nothing is changed, and no answer is shown to it.
    """

    throttle_scope = "experiments"
    authentication_classes = api_settings.DEFAULT_AUTHENTICATION_CLASSES

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Refuse who may not see experiments, after counting the attempt."""
        super().initial(request, *args, **kwargs)
        if not request.user.has_perm("personalization.view_experiment"):
            raise PermissionDenied


class ExperimentsEndpoint(ReadersEndpoint):
    """Every experiment, the newest first."""

    class Experiments(serializers.Serializer):
        class Experiment(serializers.Serializer):
            class Arm(serializers.Serializer):
                key = serializers.CharField()
                name = serializers.CharField()
                is_control = serializers.BooleanField()
                weight = serializers.FloatField()

            class Metric(serializers.Serializer):
                key = serializers.CharField(source="pk")
                measure = serializers.CharField(help_text=", ".join(Measure))
                goal = serializers.CharField()
                scope = serializers.CharField(help_text=", ".join(Scope))
                role = serializers.CharField(help_text=", ".join(Role))

            key = serializers.CharField()
            name = serializers.CharField()
            hypothesis = serializers.CharField()
            slot = serializers.CharField(source="slot.key")
            status = serializers.CharField(help_text=", ".join(Status))
            allocation = serializers.CharField(help_text=", ".join(Allocation))
            method = serializers.CharField(help_text=", ".join(Method))
            coverage = serializers.FloatField()
            started_at = serializers.DateTimeField(allow_null=True)
            ended_at = serializers.DateTimeField(allow_null=True)
            verdict = serializers.CharField(help_text=", ".join(Verdict))
            shipped_arm = serializers.CharField()
            decision = serializers.CharField()
            arms = Arm(source="arms.all", many=True)
            metrics = Metric(source="metrics.all", many=True)

        experiments = Experiment(many=True)

    @extend_schema(operation_id="experiments_list", responses=Experiments)
    def get(self, request: Request) -> Response:
        """List the experiments."""
        experiments = Experiment.objects.select_related("slot").prefetch_related("arms", "metrics")
        return Response(self.Experiments({"experiments": experiments}).data)
