"""Every operation of the API, asked with whatever its OpenAPI description allows and forbids."""

import pytest
import schemathesis
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from personalization.api.schema import OwnSchemaGenerator
from personalization.events.keys import issue_key
from personalization.visitors.identity import HEADER, sign_key
from tests.experiments.world import make_experiment
from tests.slots.world import make_items, make_slot, make_visitor

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance]
KEY = "test"


@pytest.fixture
def known(db) -> dict[str, dict[str, str]]:
    """What a visitor, a server and a reader of experiments send along."""
    make_items(3)
    make_experiment(KEY, slot=make_slot(KEY))
    client = Client()
    client.force_login(User.objects.create_superuser("admin"))
    headers = {HEADER: sign_key(make_visitor().key), "Authorization": f"Bearer {issue_key(name='shop')[1]}"}
    return {"headers": headers, "cookies": {"sessionid": client.cookies["sessionid"].value}}


@pytest.fixture
def openapi(db):
    """The description with the application, which leaves the test's transaction open, as Django's own client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    described = schemathesis.openapi.from_dict(OwnSchemaGenerator().get_schema(request=None, public=True))
    described.app = get_wsgi_application()
    yield described
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.slow
def test_no_request_is_too_much_for_the_api(openapi, known, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"API_THROTTLES": {}}
    operations = [found.ok() for found in openapi.get_all_operations()]
    answered = {operation.label: _ask(operation, known) for operation in operations}
    # Not everything was refused for want of a key or a permission: else little would have been asked.
    assert {202, 400} <= answered["POST /api/personalization/v1/conversions/"]
    for path in ("experiments/", "experiments/{key}/results/"):
        assert 200 in answered[f"GET /api/personalization/v1/{path}"]


def _ask(operation, known) -> set[int]:
    statuses = set()

    @settings(max_examples=15, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None)
    @given(case=st.one_of(operation.as_strategy(generation_mode=mode) for mode in GenerationMode))
    def ask(case):
        if case.path_parameters:
            case.path_parameters["key"] = KEY
        answer = case.call(**known)
        statuses.add(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    ask()
    return statuses
