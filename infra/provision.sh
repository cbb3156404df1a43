#!/usr/bin/env bash
# Creates or updates the Azure resources with az, as `azd provision` does. Run infra/publish.sh after it.
#
#   AZURE_ENV_NAME=catalog AZURE_LOCATION=westeurope FIREBASE_PROJECT_ID=… [ALERT_EMAIL=…] \
#       infra/provision.sh [PARAMETER FILE]
#
# PREVIEW=1 only shows the changes. Log in with az first. The deployment's name is product-catalog-$AZURE_ENV_NAME.
set -euo pipefail
cd "$(dirname "$0")/.."

name=product-catalog-$AZURE_ENV_NAME
parameters=(environmentName="$AZURE_ENV_NAME" location="$AZURE_LOCATION" firebaseProjectId="$FIREBASE_PROJECT_ID"
    alertEmail="${ALERT_EMAIL:-}")
if [ -n "${1:-}" ]; then parameters=("@$1" "${parameters[@]}"); fi

# Provisioning must not change the image that runs: only infra/publish.sh does.
image=$(infra/deployed.sh image)
if [ -n "$image" ]; then parameters+=(appImage="$image"); fi

action=create
if [ -n "${PREVIEW:-}" ]; then action=what-if; else infra/deployed.sh vault; fi
az deployment sub "$action" --name "$name" --location "$AZURE_LOCATION" --template-file infra/main.bicep \
    --parameters "${parameters[@]}"
