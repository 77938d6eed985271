# The classifier over HTTP:
#   docker build -t classifier .
#   docker run --rm --read-only --stop-timeout 40 -p 127.0.0.1:8000:8000 -e GRAFT_TOKEN=... classifier
# Another bundle, wherever it lies: docker build --build-context bundle=PATH ...
# Another port within, as with --network host: docker run -e GRAFT_PORT=9000 ...
# Told to stop, the server answers what it has begun: for --timeout and five seconds more, where docker waits for ten.

FROM scratch AS bundle
COPY models/export /

FROM python:3.11-slim AS build
WORKDIR /src
# all that a wheel of graft holds: also what `graft new` writes
COPY pyproject.toml README.md LICENSE constraints.txt dvc.yaml params.yaml .dvcignore .gitignore ./
COPY .dvc/.gitignore .dvc/config ./.dvc/
COPY .dvc/plots ./.dvc/plots
COPY docs/parameters.md ./docs/
COPY graft ./graft
COPY presets ./presets
COPY stages ./stages
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt '.[serve]'

FROM python:3.11-slim
COPY --from=build /venv /venv
COPY --from=bundle / /bundle
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1 GRAFT_PORT=8000
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=15s \
  CMD ["python", "-c", "import os; from urllib.request import urlopen; urlopen(f'http://127.0.0.1:{os.environ[\"GRAFT_PORT\"]}/health', timeout=2)"]
ENTRYPOINT ["graft", "serve", "/bundle", "--host", "0.0.0.0"]
