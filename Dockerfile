# The app on Microsoft's Functions host for Python 3.13 (`make image-check` tries this file, docs/deploy.md publishes it).
# The tag is the one that gets each month's patches; `make pin` writes its digest behind it.
ARG BASE_IMAGE=mcr.microsoft.com/azure-functions/python:4-python3.13

# The packages in a stage of their own: a change of the app leaves their layer as it is, and pip leaves nothing behind.
# Wheels only: no compiler is needed, and a package that has none for this Python stops the build.
# hadolint ignore=DL3006
FROM ${BASE_IMAGE} AS packages
COPY requirements.txt /tmp/requirements.txt
RUN python -m pip install --no-cache-dir --no-compile --disable-pip-version-check --root-user-action=ignore \
        --require-hashes --only-binary=:all: --target /packages -r /tmp/requirements.txt \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash -s /packages \
        -p /home/site/wwwroot/.python_packages/lib/site-packages /packages
# Here, so that no trace of the check is in the image.
COPY infra/image/odbc_driver.py /tmp/odbc_driver.py
RUN PYTHONPATH=/packages python /tmp/odbc_driver.py

# hadolint ignore=DL3006
FROM ${BASE_IMAGE}
ARG COMMIT=unknown
LABEL org.opencontainers.image.title="product-catalog" \
      org.opencontainers.image.revision="${COMMIT}"

# The worker adds the packages' folder to the path in Azure alone; PYTHONPATH does it for any other place that runs the
# image, and for the commands that a deployment runs in it (`python -m shared.database.migrate`).
ENV AzureWebJobsScriptRoot=/home/site/wwwroot \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true \
    PYTHONPATH=/home/site/wwwroot/.python_packages/lib/site-packages

# All of it belongs to root and the app writes none of it. The host itself runs as root, as Microsoft's image has it: it
# writes below /home and binds port 80, and running it as another user isn't supported (azure-functions-docker #424).
WORKDIR /home/site/wwwroot
COPY --from=packages /packages .python_packages/lib/site-packages
COPY host.json function_app.py ./
COPY shared shared

# The app's bytecode, for the first start.
RUN python -m compileall -q --invalidation-mode unchecked-hash function_app.py shared

# For whoever runs the image elsewhere; App Service asks the same path by itself (infra/modules/app.bicep).
HEALTHCHECK --interval=30s --timeout=5s --start-period=90s --retries=3 \
    CMD ["curl", "--fail", "--silent", "--show-error", "--output", "/dev/null", "http://127.0.0.1/api/health/live"]
