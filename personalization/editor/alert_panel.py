"""What the dashboard says of alerts that nobody has acknowledged."""

from django.http import HttpRequest
from wagtail.admin.ui.components import Component

from personalization.monitoring import alerts
from personalization.monitoring.measures import MEASURES
from personalization.monitoring.models import Alert


class AlertsPanel(Component):
    """A warning for those who may see model health; nothing for others, and nothing without alerts."""

    name = "model_alerts"
    template_name = "personalization/editor/alert_panel.html"
    order = 50

    def get_context_data(self, parent_context: dict) -> dict:
        request: HttpRequest = parent_context["request"]
        unseen = Alert.objects.unseen() if alerts.may_see(request.user) else ()
        return {"alerts": [alert for alert in unseen if alert.metric in MEASURES]}
