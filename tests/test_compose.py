"""No container engine is at hand where the suite runs, so every name that the container files use is looked up."""

import json
import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from urllib.parse import urlsplit

import prometheus_client
import pytest
import yaml
from django.core.management import get_commands
from django.urls import resolve

ROOT = Path(__file__).resolve().parent.parent
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = sorted(name for name, service in SERVICES.items() if "build" in service)
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
GIVEN = {"SECRET_KEY": "k" * 60, "POSTGRES_PASSWORD": "secret", "GRAFANA_PASSWORD": "secret"}
# Read by programs that the containers run, not by the settings.
READ_ELSEWHERE = {
    "DJANGO_SETTINGS_MODULE": "django",
    "WEB_CONCURRENCY": "docker/gunicorn.conf.py",
    "PROMETHEUS_MULTIPROC_DIR": "docker/gunicorn.conf.py",
}
LOAD_SETTINGS = """
import json, os, sys
read = set()
class Recording(type(os.environ)):
    def __getitem__(self, key):
        read.add(key)
        return super().__getitem__(key)
os.environ.__class__ = Recording
from cms_site.settings import production as s
print(json.dumps({"read": sorted(read), "database": s.DATABASES["default"], "cache": s.CACHES["default"],
                  "broker": s.CELERY_BROKER_URL, "hosts": s.ALLOWED_HOSTS, "exempt": s.SECURE_REDIRECT_EXEMPT,
                  "media": str(s.MEDIA_ROOT), "artifacts": str(s.PERSONALIZATION["ARTIFACTS_DIR"]),
                  "static": str(s.STATIC_ROOT)}, default=str))
"""


def fill_in(value: str) -> str:
    """Do what compose does with ${NAME}, ${NAME:-default} and ${NAME:?message}."""
    return re.sub(r"\$\{(\w+)(?::([-?])([^}]*))?\}", lambda m: GIVEN.get(m[1], m[3] if m[2] == "-" else ""), str(value))


def environment(service: str) -> dict[str, str]:
    return {name: fill_in(value) for name, value in SERVICES[service].get("environment", {}).items()}


@pytest.fixture(scope="module")
def loaded(tmp_path_factory) -> dict:
    """The production settings, loaded as the web container would load them."""
    container = environment("web") | {"VAR_DIR": str(tmp_path_factory.mktemp("var")), "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [sys.executable, "-c", LOAD_SETTINGS], env=container, cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) | {"var": container["VAR_DIR"]}


def commands() -> list[tuple[str, list[str]]]:
    """Every command that runs in one of our containers, from compose file and Dockerfile, as words."""
    found = [(name, SERVICES[name]["command"]) for name in OURS]
    found += [(name, SERVICES[name]["healthcheck"]["test"][1:]) for name in OURS if "healthcheck" in SERVICES[name]]
    found += [("Dockerfile", json.loads(words)) for words in re.findall(r"CMD (\[.*\])", DOCKERFILE)]
    return [(origin, unwrap(words)) for origin, words in found]


def unwrap(words: list[str]) -> list[str]:
    """Look through a shell."""
    words = words[2:] if words[:2] == ["sh", "-c"] else words
    return shlex.split(words[0]) if len(words) == 1 else words


def test_the_promised_services_are_there():
    assert set(SERVICES) >= {"web", "worker", "beat", "postgres", "redis", "prometheus", "grafana"}
    assert SERVICES["postgres"]["image"].startswith("pgvector/")


@pytest.mark.parametrize(("origin", "words"), commands())
def test_every_command_exists_in_the_project(origin: str, words: list[str]):
    program = words[0]
    if program == "python" and words[1] == "manage.py":
        assert (ROOT / "manage.py").is_file()
        assert words[2] in get_commands()
    elif program == "python":
        compile(words[2], origin, "exec")
    elif program == "gunicorn":
        assert (ROOT / words[words.index("--config") + 1]).is_file()
        module, _, name = words[-1].partition(":")
        assert callable(getattr(import_module(module), name))
    elif program == "celery":
        assert import_module(words[words.index("-A") + 1]).app.main == "cms_site"
    else:
        assert program == "kill", f"{origin} runs {program}, of which this test knows nothing"


def test_gunicorn_accepts_its_configuration(tmp_path: Path):
    words = [Path(sys.executable).parent / "gunicorn", "--check-config", *SERVICES["web"]["command"][1:]]
    deployment = os.environ | environment("web") | {"VAR_DIR": str(tmp_path), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    done = subprocess.run(words, env=deployment, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_celery_has_the_options_that_the_containers_use():
    celery = Path(sys.executable).parent / "celery"
    for _, words in commands():
        if words[0] == "celery":
            options = [word.partition("=")[0] for word in words[3:] if word.startswith("--")]
            verb = next(word for word in words[3:] if not word.startswith("-"))
            told = subprocess.run([celery, verb, "--help"], capture_output=True, text=True, timeout=60, cwd=ROOT).stdout
            assert [option for option in options if option not in told] == []


@pytest.mark.parametrize("service", OURS)
def test_every_environment_variable_is_read(service: str, loaded: dict):
    for name in environment(service):
        if name in READ_ELSEWHERE:
            place = ROOT / READ_ELSEWHERE[name]
            assert READ_ELSEWHERE[name] == "django" or name in place.read_text()
        else:
            assert name in loaded["read"], f"{service} sets {name}, which no setting reads"


def test_the_settings_lead_to_the_services(loaded: dict):
    assert loaded["database"]["HOST"] == "postgres"
    assert loaded["database"]["NAME"] == SERVICES["postgres"]["environment"]["POSTGRES_DB"]
    assert loaded["database"]["USER"] == SERVICES["postgres"]["environment"]["POSTGRES_USER"]
    assert loaded["database"]["PASSWORD"] == fill_in(SERVICES["postgres"]["environment"]["POSTGRES_PASSWORD"])
    assert urlsplit(loaded["cache"]["LOCATION"]).hostname == "redis"
    assert urlsplit(loaded["broker"]).hostname == "redis"


def test_every_mounted_path_exists(loaded: dict):
    for name, service in SERVICES.items():
        for source, target, *_ in (volume.split(":") for volume in service.get("volumes", [])):
            if source.startswith("."):
                assert (ROOT / source).exists(), f"{name} mounts {source}"
            else:
                assert source in COMPOSE["volumes"], f"{name} mounts {source}"
            if name in OURS:
                where = {target.replace("/app/var", loaded["var"])}
                assert where <= {loaded["media"], loaded["artifacts"]}, f"nothing is written to {target}"
                assert re.search(rf"install -d -o app .*{target}\b", DOCKERFILE), f"{target} must belong to the user"


def test_static_files_are_not_hidden_by_a_volume(loaded: dict):
    assert not any(loaded["static"].startswith(loaded[volume]) for volume in ("media", "artifacts"))


def test_every_health_address_answers(client, loaded: dict):
    addresses = re.findall(r"http://localhost:8000(/\w+)", json.dumps(SERVICES["web"]) + DOCKERFILE)
    assert len(addresses) == 2
    for address in addresses:
        assert resolve(address).func.__name__ == "healthz"
        assert client.get(address).status_code == 200
        assert any(re.search(pattern, address.lstrip("/")) for pattern in loaded["exempt"]), "it must not redirect"
    assert "localhost" in loaded["hosts"]


def test_every_service_has_a_health_check_and_waits_for_what_has_one():
    without = {name for name, service in SERVICES.items() if "healthcheck" not in service}
    assert without == {"migrate"}
    for service in SERVICES.values():
        for needed, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if needed == "migrate" else "service_healthy"
            assert how["condition"] == expected


@pytest.mark.parametrize("service", OURS)
def test_our_images_run_without_root(service: str):
    stages = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)
    stage = next(text for text in stages if re.match(rf"\S+ AS {SERVICES[service]['build']['target']}\n", text))
    assert re.findall(r"^USER (\w+)", stage, flags=re.MULTILINE) == ["app"]


def test_the_image_copies_only_what_exists():
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, flags=re.MULTILINE)]
    let_in = (ROOT / ".dockerignore").read_text().split()
    for source in (source for sources in copied for source in sources):
        assert (ROOT / source).exists()
        assert "!" + source.split("/")[0] in let_in


@pytest.mark.django_db
def test_prometheus_scrapes_an_address_that_exports(client, loaded: dict):
    config = yaml.safe_load((ROOT / "docker/prometheus/prometheus.yml").read_text())
    for job in config["scrape_configs"]:
        for target in job["static_configs"][0]["targets"]:
            host, _, port = target.partition(":")
            assert host in SERVICES
            assert host in loaded["hosts"]
            assert f"EXPOSE {port}" in DOCKERFILE
        answer = client.get(job["metrics_path"])
        assert (answer.status_code, answer["Content-Type"].split(";")[0]) == (200, "text/plain")


def test_grafana_is_provisioned_with_the_source_that_the_dashboard_uses():
    provisioning = ROOT / "docker/grafana/provisioning"
    source = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"][0]
    assert urlsplit(source["url"]).hostname in SERVICES
    provider = yaml.safe_load((provisioning / "dashboards/personalization.yml").read_text())["providers"][0]
    mounts = [volume.split(":")[1] for volume in SERVICES["grafana"]["volumes"]]
    assert provider["options"]["path"] in mounts
    assert {panel["datasource"]["uid"] for panel in dashboard()["panels"]} == {source["uid"]}


def test_the_dashboard_shows_only_metrics_that_are_exported(client):
    client.get("/healthz")  # the middleware makes its metrics when it first runs
    asked = {name for query in queries() for name in re.findall(r"\b(?:personalization|django)_\w+", query)}
    assert len(asked) >= 5
    assert sorted(asked - exported()) == []


def dashboard() -> dict:
    return json.loads((ROOT / "docker/grafana/dashboards/personalization.json").read_text())


def queries() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"] for target in panel["targets"]]


def exported() -> set[str]:
    """Every sample name that the process can export, labelled or not yet."""
    return set(prometheus_client.REGISTRY._names_to_collectors)
