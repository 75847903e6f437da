from django.urls import path

from personalization.api import (
    consent,
    conversions,
    decisions,
    events,
    experiments,
    fragments,
    privacy,
    results,
    schema,
)

urlpatterns = [
    path("consent/", consent.ConsentEndpoint.as_view(), name="consent"),
    path("decisions/", decisions.DecisionsEndpoint.as_view(), name="decisions"),
    path("slots/<slug:key>/fragment/", fragments.FragmentEndpoint.as_view(), name="fragment"),
    path("events/", events.EventsEndpoint.as_view(), name="events"),
    path("conversions/", conversions.ConversionsEndpoint.as_view(), name="conversions"),
    path("experiments/", experiments.ExperimentsEndpoint.as_view(), name="experiments"),
    path("experiments/<slug:key>/results/", results.ResultsEndpoint.as_view(), name="results"),
    path("privacy/", privacy.PrivacyEndpoint.as_view(), name="erase"),
    path("privacy/export/", privacy.ExportEndpoint.as_view(), name="export"),
    path("schema/", schema.SchemaView.as_view(), name="schema"),
    path("docs/", schema.DocsView.as_view(), name="docs"),
]
