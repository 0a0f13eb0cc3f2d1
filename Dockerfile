# The gateway's image. No package is compiled and none is taken that the locks do not name by hash.
# Behind an index of your own, hand its settings to the build as secrets; they stay out of every layer:
#   docker build -t registry.example.com/sallyport:0.1.0 \
#     --secret id=pip.conf,src=pip.conf --secret id=uv.toml,src=uv.toml .
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
COPY requirements/gateway.txt requirements/dev.txt requirements/
# Pinned and hashed like everything else: uv comes from the lock of the development tools.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python3 -m venv /uv \
    && sed -n '/^uv==/,/[^\\]$/p' requirements/dev.txt > uv.txt \
    && /uv/bin/pip install --quiet --no-cache-dir --disable-pip-version-check --no-compile --require-hashes -r uv.txt
ENV PATH=/uv/bin:$PATH UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never
# The casbin wheel drops a stray node_modules folder beside itself, which scanners take for a JavaScript application.
RUN --mount=type=secret,id=uv.toml,target=/etc/uv/uv.toml \
    python3 -m venv --without-pip /opt/sallyport \
    && uv pip install --quiet --python /opt/sallyport --require-hashes --no-build --compile-bytecode \
        --requirements requirements/gateway.txt \
    && rm -rf /opt/sallyport/lib/python3*/site-packages/node_modules
COPY pyproject.toml README.md LICENSE ./
COPY policies/model.conf policies/
# The desk of `sallyport demo`.
COPY examples/__init__.py examples/
COPY examples/helpdesk examples/helpdesk
COPY gateway gateway
RUN --mount=type=secret,id=uv.toml,target=/etc/uv/uv.toml \
    uv build --quiet --wheel --out-dir /dist --require-hashes --build-constraints requirements/dev.txt \
    && uv pip install --quiet --python /opt/sallyport --no-deps --offline --compile-bytecode /dist/*.whl \
    && mkdir /state

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Sallyport" \
      org.opencontainers.image.description="The gateway between AI agents and their tools" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/sallyport /opt/sallyport
# Ledger, journal and keys: a volume, so that they outlive the container and the root file system may be read-only.
COPY --from=build --chown=65532:65532 /state /var/lib/sallyport
VOLUME ["/var/lib/sallyport"]
ENV PATH=/opt/sallyport/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1 SALLYPORT_CONFIG=/etc/sallyport/config.yaml
USER 65532:65532
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
ENTRYPOINT ["sallyport"]
CMD ["run", "--config", "/etc/sallyport/config.yaml"]
