from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PersonalizationConfig(AppConfig):
    name = "personalization"
    verbose_name = _("Personalization")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        # Both modules register themselves on import, which Django allows only once every model is loaded.
        from personalization import checks, signal_handlers  # noqa: F401
