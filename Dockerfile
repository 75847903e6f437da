# Two images from one file: `web` serves pages and carries no torch; `worker` runs tasks and makes embeddings.
FROM python:3.11-slim-bookworm AS build-web
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /venv
COPY requirements/base.txt requirements/production.txt /requirements/
RUN /venv/bin/pip install -r /requirements/base.txt -r /requirements/production.txt

FROM build-web AS build-worker
# The CPU build of torch is a tenth of the size of the default one.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements/ml.txt /requirements/
RUN /venv/bin/pip install --extra-index-url "$TORCH_INDEX" -r /requirements/ml.txt

FROM python:3.11-slim-bookworm AS runtime
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=cms_site.settings.production VAR_DIR=/app/var
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin app \
    && install -d -o app -g app /app/var /app/var/media /app/var/artifacts
WORKDIR /app
COPY manage.py ./
COPY personalization personalization
COPY cms_site cms_site
COPY templates templates
COPY docker/gunicorn.conf.py docker/gunicorn.conf.py

FROM runtime AS worker
COPY --from=build-worker /venv /venv
USER app
HEALTHCHECK --interval=30s --timeout=20s --start-period=60s --retries=3 \
    CMD ["sh", "-c", "celery -A cms_site.celery inspect ping --destination celery@$HOSTNAME"]
CMD ["celery", "-A", "cms_site.celery", "worker", "--loglevel=INFO", "--concurrency=2"]

FROM runtime AS web
COPY --from=build-web /venv /venv
USER app
# The key only lets the settings load while the static files are collected; it is not kept.
RUN SECRET_KEY=collectstatic-only ALLOWED_HOSTS=localhost python manage.py collectstatic --noinput
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://localhost:8000/healthz', timeout=4)"]
CMD ["gunicorn", "--config", "docker/gunicorn.conf.py", "cms_site.wsgi:application"]
