#!/usr/bin/env bash
# The hook that azd runs before it provisions (azure.yaml). infra/provision.sh does the same without azd.
set -euo pipefail
cd "$(dirname "$0")/.."

infra/check_inputs.sh
infra/deployed.sh vault
# Provisioning must not change the image that runs: only infra/publish.sh does.
image=$(infra/deployed.sh image)
if [ -n "$image" ]; then azd env set APP_IMAGE "$image" --environment "$AZURE_ENV_NAME"; fi
