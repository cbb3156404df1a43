#!/usr/bin/env bash
# What an earlier deployment of $AZURE_ENV_NAME has left, for the scripts that change it or make it anew:
#
#   infra/deployed.sh image     prints the image that its app runs; nothing where there is no app
#   infra/deployed.sh vault     brings its vault back where it was removed with the deployment ($AZURE_LOCATION)
set -euo pipefail

group=rg-$AZURE_ENV_NAME

# Asked of Azure, not of the last deployment's record: that has no outputs where it failed, and another machine or a
# workflow may have published since.
image() {
    local exists app image
    exists=$(az group exists --name "$group")
    if [ "$exists" != true ]; then return; fi
    app=$(az functionapp list --resource-group "$group" --query '[].name' --output tsv)
    if [ -z "$app" ]; then return; fi
    image=$(az functionapp config show --resource-group "$group" --name "$app" --query linuxFxVersion --output tsv)
    echo "${image#DOCKER|}"
}

# A removed vault keeps its name for 7 days (purge protection), and a new one of that name is refused: so it comes back,
# with its secrets, into a resource group of the name that it had.
vault() {
    local query="properties.tags.application=='product-catalog' && properties.location=='$AZURE_LOCATION'" vault
    query+=" && properties.tags.\"azd-env-name\"=='$AZURE_ENV_NAME'"
    # Where a subscription has never had a vault nothing can be listed. What is missed here, Azure's refusal will say.
    vault=$(az keyvault list-deleted --resource-type vault --query "[?$query].name" --output tsv 2>/dev/null || true)
    if [ -z "$vault" ]; then return; fi
    echo "==> $vault comes back: it was removed with this deployment" >&2
    az group create --name "$group" --location "$AZURE_LOCATION" --output none
    az keyvault recover --resource-group "$group" --location "$AZURE_LOCATION" --name "$vault" --output none
}

case ${1:-} in
    image | vault) "$1" ;;
    *) echo "infra/deployed.sh image|vault" >&2 && exit 2 ;;
esac
