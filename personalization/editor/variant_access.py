"""Who may do what with variants in the admin."""

from django.db.models import Model
from wagtail.permission_policies import ModelPermissionPolicy

# Whoever has one of these may look at variants, and at the queue.
READERS = ("view", "add", "change", "delete", "approve", "generate")


class VariantPolicy(ModelPermissionPolicy):
    """Only an approval publishes a variant: the permission to publish means nothing here, superusers included."""

    def user_has_permission(self, user: Model, action: str) -> bool:
        return action != "publish" and super().user_has_permission(user, action)
