#!/usr/bin/env bash
# Reuses what an earlier deployment of $AZURE_ENV_NAME has left in Azure:
#
#   infra/deployed.sh image     prints the image that its app runs; nothing if there is no app
#   infra/deployed.sh vault     recovers its Key Vault in $AZURE_LOCATION if it was deleted with the deployment
set -euo pipefail

group=rg-$AZURE_ENV_NAME

# Reads the running app, not the outputs of the last deployment: a failed one has none, and another machine or a workflow
# may have published since.
image() {
    local exists app image
    exists=$(az group exists --name "$group")
    if [ "$exists" != true ]; then return; fi
    app=$(az functionapp list --resource-group "$group" --query '[].name' --output tsv)
    if [ -z "$app" ]; then return; fi
    image=$(az functionapp config show --resource-group "$group" --name "$app" --query linuxFxVersion --output tsv)
    echo "${image#DOCKER|}"
}

# Purge protection reserves the name of a deleted vault for 7 days: a new one with this name can't be created. So the
# vault is recovered, with its secrets, into a resource group of the same name.
vault() {
    local query="properties.tags.application=='product-catalog' && properties.location=='$AZURE_LOCATION'" vault
    query+=" && properties.tags.\"azd-env-name\"=='$AZURE_ENV_NAME'"
    # Listing fails in a subscription that never had a vault. If it fails for another reason, the deployment reports it.
    vault=$(az keyvault list-deleted --resource-type vault --query "[?$query].name" --output tsv 2>/dev/null || true)
    if [ -z "$vault" ]; then return; fi
    echo "==> Recovering the vault $vault, which was deleted with this deployment" >&2
    az group create --name "$group" --location "$AZURE_LOCATION" --output none
    az keyvault recover --resource-group "$group" --location "$AZURE_LOCATION" --name "$vault" --output none
}

case ${1:-} in
    image | vault) "$1" ;;
    *) echo "infra/deployed.sh image|vault" >&2 && exit 2 ;;
esac
