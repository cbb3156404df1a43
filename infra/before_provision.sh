#!/usr/bin/env bash
# azd's hook before it makes or changes the resources (azure.yaml); infra/provision.sh does the same for plain az.
set -euo pipefail
cd "$(dirname "$0")/.."

infra/check_inputs.sh
infra/deployed.sh vault
# What runs goes on running: infra/publish.sh alone changes the image.
image=$(infra/deployed.sh image)
if [ -n "$image" ]; then azd env set APP_IMAGE "$image" --environment "$AZURE_ENV_NAME"; fi
