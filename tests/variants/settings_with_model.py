"""The suite's settings, and a language model that nobody asks."""

from cms_site.settings.test import *  # noqa: F403

PERSONALIZATION = PERSONALIZATION | {  # noqa: F405
    "GENERATOR": "personalization.variants.generators.openai_sdk.OpenAIGenerator",
    "GENERATOR_OPTIONS": {"model": "test-model", "base_url": "http://127.0.0.1:9/v1"},
}
