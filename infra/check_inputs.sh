#!/usr/bin/env bash
# Before anything is made: says in a sentence what a deployment by azd will lack.
set -euo pipefail

missing=()
command -v az >/dev/null || missing+=("az, the Azure CLI, isn't installed.")
command -v curl >/dev/null || missing+=("curl isn't installed.")
if command -v az >/dev/null && ! az account show --output none 2>/dev/null; then
    missing+=("az isn't logged in: az login")
elif [ -n "${AZURE_SUBSCRIPTION_ID:-}" ] &&
    [ "$(az account show --query id --output tsv 2>/dev/null)" != "$AZURE_SUBSCRIPTION_ID" ]; then
    # azd makes the resources, az looks for them.
    missing+=("az works on another subscription than azd: az account set --subscription $AZURE_SUBSCRIPTION_ID")
fi
[ -n "${FIREBASE_PROJECT_ID:-}" ] || missing+=("FIREBASE_PROJECT_ID isn't set: azd env set FIREBASE_PROJECT_ID your-project")
# The secrets are needed once; afterwards they are in the vault.
if [ -z "${KEY_VAULT_NAME:-}" ]; then
    [ -n "${FIREBASE_WEB_API_KEY:-}" ] || missing+=("FIREBASE_WEB_API_KEY isn't set (Firebase console, project settings).")
    [ -r "${FIREBASE_SERVICE_ACCOUNT_FILE:-}" ] ||
        missing+=("FIREBASE_SERVICE_ACCOUNT_FILE names no readable file (Firebase console, service accounts).")
fi
if [ "${#missing[@]}" -gt 0 ]; then
    printf '%s\n' "${missing[@]}" >&2
    exit 1
fi
