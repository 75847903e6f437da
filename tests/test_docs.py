"""What the manual says is true of the code: it is compared here, so that neither changes alone."""

import ast
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta
from functools import cache
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.apps import apps
from django.core.management import call_command, get_commands, load_command_class
from django.core.management.base import BaseCommand
from django.urls import URLPattern
from django.utils import timezone
from django.utils.module_loading import import_string
from prometheus_client import REGISTRY

import personalization
from personalization import conf, recommend, stats, urls
from personalization.events.files import REQUIRED
from personalization.events.importing import LINE_DETAILS
from personalization.events.models import Kind
from personalization.events.validation import DETAILS
from personalization.recommend.features import NUMBERS, WORDS
from personalization.slots.context import ServingContext
from personalization.slots.decision import Origin, Reason
from personalization.slots.serve import serve
from personalization.variants.guardrails.registry import RULES
from personalization.variants.models import ApprovalRecord
from tests.slots.world import make_item, make_items, make_slot, make_visitor

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if "_build" not in path.parts)
PREFIX = "/api/personalization/v1/"
OTHERS = "Settings of others that matter"


def read(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """The text below one heading, up to the next of its level or higher."""
    found = re.search(rf"^(#+) {re.escape(heading)}$", read(page), re.MULTILINE)
    assert found, f"{page} has no heading {heading!r}"
    rest = read(page)[found.end() :]
    return re.split(rf"^#{{1,{len(found[1])}}} ", rest, flags=re.MULTILINE)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of every table row that begins with a word of code, the backticks of the first taken off."""
    found = re.findall(r"^\| `([^`]+)`(.*)\|$", text, re.MULTILINE)
    return [[first, *(cell.strip() for cell in rest.split(" | ")[1:])] for first, rest in found]


def names(text: str) -> list[str]:
    return [row[0] for row in rows(text)]


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page in one language, those inside lists included."""
    fenced = re.findall(rf"^( *)```{language}\n(.*?)^\1```$", read(page), re.MULTILINE | re.DOTALL)
    return ["\n".join(line.removeprefix(indent) for line in code.splitlines()) for indent, code in fenced]


@cache
def schema() -> dict:
    """The OpenAPI description; generating it fails on any warning."""
    out = StringIO()
    call_command("spectacular", "--fail-on-warn", "--validate", stdout=out)
    return yaml.safe_load(out.getvalue())


def operations() -> Iterator[tuple[str, dict]]:
    for path, methods in schema()["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} `{path.removeprefix(PREFIX)}`", operation


def properties_of(operation: dict) -> set[str]:
    """Names of everything that a request may carry, at any depth."""
    content = operation.get("requestBody", {}).get("content", {}).values()
    return {param["name"] for param in operation.get("parameters", []) if param["name"] != "key"}.union(
        *(_names_in(media["schema"]) for media in content)
    )


def _names_in(part: dict) -> set[str]:
    if "$ref" in part:
        return _names_in(schema()["components"]["schemas"][part["$ref"].rpartition("/")[2]])
    inner = [part["items"]] if "items" in part else [*part.get("allOf", []), *part.get("oneOf", [])]
    own = part.get("properties", {})
    return set(own).union(*map(_names_in, [*inner, *own.values()]))


def test_the_manual_builds_without_a_warning(tmp_path):
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", str(DOCS), str(tmp_path)]
    done = subprocess.run(build, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr


def test_every_page_is_reached_from_the_index():
    listed = re.findall(r"^[\w-]+/[\w-]+$", read("index.md"), re.MULTILINE)
    assert sorted(f"{name}.md" for name in listed) == [page for page in PAGES if page != "index.md"]


def test_every_feature_is_explained():
    cells = re.findall(r"^\| (`.+?) \|", section("explanation/data-quality.md", "Features"), re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", " ".join(cells))) == sorted([*NUMBERS, *WORDS])


def test_every_guardrail_is_documented_with_how_grave_it_is():
    said = {
        name: (default, tuple(severities.split(", ")))
        for name, default, severities, _finds in rows(section("reference/guardrails.md", "Rules"))
    }
    assert said == {name: (rule.default, rule.severities) for name, rule in RULES.items()}


def test_every_field_of_an_approval_record_is_documented():
    cells = re.findall(r"^\| (`.+?) \|", section("reference/guardrails.md", "What a record holds"), re.MULTILINE)
    hidden = ("id", "variant_key", "user_key")
    held = [field.name for field in ApprovalRecord._meta.concrete_fields if field.name not in hidden]
    assert sorted(re.findall(r"`(\w+)`", " ".join(cells))) == sorted(held)


def test_every_setting_is_documented_with_its_default():
    documented = {row[0]: row[1] for row in rows(section("reference/settings.md", "Settings")) if row[0].isupper()}
    others = names(section("reference/settings.md", OTHERS))
    said = {name: ast.literal_eval(cell.strip("`")) for name, cell in documented.items() if name not in others}
    defaults = conf.read({})
    true = {field.name.upper(): getattr(defaults, field.name) for field in fields(defaults)}
    assert said == {name: str(value) if isinstance(value, Path) else value for name, value in true.items()}


def test_every_system_check_is_documented():
    ids = re.findall(
        r'id="(personalization\.\w+)"', (ROOT / "personalization" / "checks.py").read_text(encoding="utf-8")
    )
    assert sorted(names(section("reference/settings.md", "What check reports"))) == sorted(ids)


def commands() -> list[str]:
    return sorted(name for name, app in get_commands().items() if app == "personalization")


def test_every_command_is_documented():
    headings = re.findall(r"^## ([a-z_]+)$", read("reference/commands.md"), re.MULTILINE)
    assert sorted(headings) == commands()


@pytest.mark.parametrize("name", commands())
def test_every_option_of_a_command_is_documented(name):
    # Django gives every command a --version; promote_model has one of its own.
    common = {option for action in BaseCommand().create_parser("", "")._actions for option in action.option_strings}
    command = load_command_class("personalization", name)
    actions = command.create_parser("manage.py", name)._actions
    own = {action.option_strings[-1] for action in actions if action.option_strings and _is_own(action, common)}
    assert set(names(section("reference/commands.md", name))) == own


def _is_own(action, common: set[str]) -> bool:
    return action.option_strings[-1] not in common or action.metavar == "N"


def test_the_demonstrations_commands_are_documented():
    listed = {name.split()[0] for name in names(section("reference/commands.md", "Of the demonstration site"))}
    assert listed == {name for name, app in get_commands().items() if app == "cms_site.home"}


def test_every_task_is_documented():
    listed = names(section("reference/commands.md", "Celery tasks"))
    tasks = import_module("personalization.tasks")
    assert sorted(listed) == sorted(f"personalization.tasks.{name}" for name in _tasks_of(tasks))


def _tasks_of(module) -> list[str]:
    return [name for name, value in vars(module).items() if hasattr(value, "delay") and name.islower()]


def test_the_schedule_of_the_how_to_is_that_of_the_demonstration_site(settings):
    code = next(block for block in blocks("how-to/deploy.md", "python") if "CELERY_BEAT_SCHEDULE" in block)
    environment = {"REDIS_URL": "redis://localhost", "CELERY_BROKER_URL": "redis://localhost"}
    said: dict = {}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        exec(compile(code, "deploy.md", "exec"), said)
    assert said["CELERY_BEAT_SCHEDULE"] == settings.CELERY_BEAT_SCHEDULE
    same = [name for name in said if name.startswith("CELERY_") and name not in ("CELERY_BROKER_URL",)]
    assert {name: said[name] for name in same} == {name: getattr(settings, name) for name in same}


def test_every_reason_of_a_decision_is_documented():
    assert sorted(names(section("reference/reasons.md", "Decisions"))) == sorted(Reason)


def test_every_origin_of_an_item_is_documented():
    assert sorted(names(section("reference/reasons.md", "Items"))) == sorted(Origin)


def test_every_code_of_a_refused_event_is_documented():
    assert sorted(names(section("reference/reasons.md", "Events"))) == sorted(DETAILS)


def test_every_code_of_a_refused_line_is_documented():
    besides = sorted(LINE_DETAILS.keys() - DETAILS.keys())
    assert sorted(names(section("reference/reasons.md", "Lines of an imported file"))) == besides


@pytest.mark.django_db
def test_every_code_of_a_refused_request_is_documented_with_its_status(client, settings):
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"API_THROTTLES": {"consent": "1/min"}}
    answers = [*_refusals_of_the_framework(client)]
    true = dict(_refusals_in_the_code()) | {answer.json()["code"]: answer.status_code for answer in answers}
    said = {code: int(status) for code, status, _meaning in rows(section("reference/reasons.md", "Requests"))}
    assert said == true


def _refusals_of_the_framework(client) -> Iterator:
    address, kind = f"{PREFIX}decisions/", "application/json"
    yield client.delete(address)
    yield client.post(address, "slots", content_type="text/plain")
    yield client.post(address, "{}", content_type=kind, headers={"Accept": "text/html"})
    yield client.post(address, "{", content_type=kind)
    yield client.post(address, "{}", content_type=kind)
    yield client.post(f"{PREFIX}conversions/", "{}", content_type=kind)
    yield client.get(f"{PREFIX}experiments/")
    client.get(f"{PREFIX}consent/")
    yield client.get(f"{PREFIX}consent/")


def _refusals_in_the_code() -> Iterator[tuple[str, int]]:
    for path in (ROOT / "personalization" / "api").glob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "attr", getattr(call.func, "id", "")) == "Problem":
                words = {word.arg: word.value for word in call.keywords}
                yield words["code"].value, words["status"].value


def test_every_kind_of_event_is_documented():
    assert sorted(names(section("reference/events.md", "Kinds"))) == sorted(Kind.values)


def test_every_column_of_an_import_is_documented():
    table = {row[0]: row[1] for row in rows(section("how-to/import-history.md", "2. Write a file"))}
    columns = re.findall(r"^  (\w+)  ", load_command_class("personalization", "import_events").help, re.MULTILINE)
    assert table == {name: "yes" if name in REQUIRED else "no" for name in columns}


def test_every_metric_is_documented_with_its_labels():
    for module in pkgutil.walk_packages(personalization.__path__, "personalization."):
        if module.name.endswith("metrics"):
            import_module(module.name)
    exported = {
        collector._name + ("_total" if collector._type == "counter" else ""): sorted(collector._labelnames)
        for collector in set(REGISTRY._names_to_collectors.values())
        if getattr(collector, "_name", "").startswith("personalization")
    }
    said = {row[0]: sorted(re.findall(r"`(\w+)`", row[1])) for row in rows(read("reference/metrics.md"))}
    assert said == exported


def test_the_openapi_description_is_generated_without_a_warning():
    assert all(path.startswith(PREFIX) for path in schema()["paths"])


def test_every_operation_of_the_api_is_documented():
    headings = re.findall(r"^## ([A-Z]+ `.+`)$", read("reference/api.md"), re.MULTILINE)
    assert sorted(headings) == sorted(name for name, _operation in operations())


def test_everything_a_request_may_carry_is_documented():
    events = section("reference/events.md", "Fields")
    for name, operation in operations():
        text = section("reference/api.md", name) + (events if name == "POST `events/`" else "")
        said = {word.rpartition(".")[2] for word in names(text)}
        assert properties_of(operation) <= said, name


def test_every_address_outside_the_api_is_documented():
    patterns = [f"/{pattern.pattern}" for pattern in urls.urlpatterns if isinstance(pattern, URLPattern)]
    assert sorted(names(section("reference/api.md", "Outside the API"))) == sorted(patterns)


def test_every_module_of_the_pure_cores_is_documented():
    modules = {
        module.name
        for package in (recommend, stats)
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not module.ispkg
    }
    assert set(re.findall(r"automodule:: (\S+)", read("reference/pure-core.md"))) == modules


@pytest.mark.parametrize("page", PAGES)
def test_python_code_compiles(page):
    for code in blocks(page, "python"):
        compile(code, page, "exec")


@pytest.mark.parametrize("page", PAGES)
def test_what_is_named_by_dotted_path_exists(page):
    for path in re.findall(r"(?<![/\w])personalization(?!\.[EW]\d)(?:\.[A-Za-z_]\w*)+", read(page)):
        assert _exists(path), path


def _exists(path: str) -> bool:
    app, _dot, model = path.partition(".")
    if model.lower() in apps.all_models[app]:
        return True
    try:
        import_module(path)
    except ModuleNotFoundError:
        return bool(import_string(path))
    return True


@pytest.mark.parametrize("page", PAGES)
def test_settings_that_are_named_exist(page):
    known = {field.name.upper() for field in fields(conf.Settings)}
    for code in blocks(page, "python"):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "PERSONALIZATION":
                assert {key.value for key in node.value.keys} <= known


def test_the_example_in_the_pure_core_runs(capsys):
    exec(compile(blocks("reference/pure-core.md", "python")[0], "pure-core.md", "exec"), {})
    assert "ease" in capsys.readouterr().out


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["archive", "taste"])
def test_the_example_policies_rank_as_the_page_says(name, tmp_path, monkeypatch, settings):
    first, _setting, second = blocks("how-to/write-a-policy.md", "python")
    (tmp_path / "magazine_policies.py").write_text(f"{first}\n\n{second}", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    settings.PERSONALIZATION = settings.PERSONALIZATION | {"POLICIES": {name: f"magazine_policies.{name}"}}
    new = make_items(6)
    old = [make_item(number, published_at=timezone.now() - timedelta(days=400)) for number in (10, 11)]
    make_slot("own", size=2, policy=name)
    visitor = make_visitor(read=(new[0],))
    decision = serve(["own"], ServingContext.for_preview(visitor_key=visitor.key, locale="en"))[0]
    assert (decision.reason, decision.fallback, len(decision.items)) == (name, False, 2)
    if name == "archive":
        assert {item.key for item in decision.items} == {item.key for item in old}
