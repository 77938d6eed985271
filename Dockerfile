# The classifier over HTTP:
#   docker build -t classifier .
#   docker run --rm --read-only -p 127.0.0.1:8000:8000 -e GRAFT_TOKEN=... classifier
# Another bundle: docker build --build-arg BUNDLE=path/in/this/folder ...

FROM python:3.11-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY graft ./graft
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -c constraints.txt '.[serve]'

FROM python:3.11-slim
ARG BUNDLE=models/export
COPY --from=build /venv /venv
COPY ${BUNDLE} /bundle
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=3s --start-period=15s \
  CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["python", "-m", "graft.commands.serve", "/bundle", "--host", "0.0.0.0"]
