"""What an editor can choose from, as the site's settings state it."""

from django.apps import apps

from personalization import conf


def templates() -> list[tuple[str, str]]:
    """Templates for slots beside the usual one."""
    return list(conf.get().slot_templates.items())


def types() -> list[tuple[str, str]]:
    """The kinds of things the site declared that it can show."""
    models_shown = [apps.get_model(label) for label in conf.get().catalog]
    return [(model._meta.label_lower, str(model._meta.verbose_name)) for model in models_shown]
