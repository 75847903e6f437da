"""Who may ask for variants, and who may stop or resume what somebody else has asked for."""

from typing import Any

from wagtail.permission_policies import ModelPermissionPolicy

from personalization.variants.models import GenerationRequest

GENERATE = "personalization.generate_variant"


class AskingPolicy(ModelPermissionPolicy):
    """Whoever may ask may see what was asked, and stop or resume their own; the rest is for those with permissions."""

    def user_has_permission(self, user: Any, action: str) -> bool:
        if action == "add":
            return user.has_perm(GENERATE)
        return super().user_has_permission(user, action) or (action == "view" and user.has_perm(GENERATE))

    def user_has_permission_for_instance(self, user: Any, action: str, instance: GenerationRequest) -> bool:
        is_own = instance.requested_by_id == user.pk and user.has_perm(GENERATE)
        return is_own or super().user_has_permission_for_instance(user, action, instance)


policy = AskingPolicy(GenerationRequest)
