#!/usr/bin/env bash
# Checks the tools and settings of a deployment with azd before anything is created.
set -euo pipefail

missing=()
command -v az >/dev/null || missing+=("The Azure CLI (az) isn't installed.")
command -v curl >/dev/null || missing+=("curl isn't installed.")
if command -v az >/dev/null && ! az account show --output none 2>/dev/null; then
    missing+=("az isn't logged in. Run: az login")
elif [ -n "${AZURE_SUBSCRIPTION_ID:-}" ] &&
    [ "$(az account show --query id --output tsv 2>/dev/null)" != "$AZURE_SUBSCRIPTION_ID" ]; then
    # azd creates the resources, and az has to find them.
    missing+=("az uses another subscription than azd. Run: az account set --subscription $AZURE_SUBSCRIPTION_ID")
fi
[ -n "${FIREBASE_PROJECT_ID:-}" ] || missing+=("FIREBASE_PROJECT_ID isn't set. Run: azd env set FIREBASE_PROJECT_ID your-project")
# The first deployment puts the secrets into the vault.
if [ -z "${KEY_VAULT_NAME:-}" ]; then
    [ -n "${FIREBASE_WEB_API_KEY:-}" ] || missing+=("FIREBASE_WEB_API_KEY isn't set (Firebase console, project settings).")
    [ -r "${FIREBASE_SERVICE_ACCOUNT_FILE:-}" ] ||
        missing+=("FIREBASE_SERVICE_ACCOUNT_FILE names no readable file (Firebase console, service accounts).")
fi
if [ "${#missing[@]}" -gt 0 ]; then
    printf '%s\n' "${missing[@]}" >&2
    exit 1
fi
