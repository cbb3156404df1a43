#!/usr/bin/env bash
# Brings this checkout into a deployment that infra/main.bicep has made: secrets into the vault, image, migrations, the
# database's users, the app's new image, the event subscription. Safe to run again; each step says what it does.
#
#   infra/publish.sh                 all of it; with FIRST_ADMIN_EMAIL set, makes that person an administrator too
#   infra/publish.sh run IMAGE       only makes the app run an image that is in the registry (also the way back)
#   infra/publish.sh admin EMAIL     only makes an administrator
#
# azd hands it the deployment's outputs as environment variables (azure.yaml). With plain az name the deployment:
#   DEPLOYMENT=product-catalog infra/publish.sh
# Needs az, logged in, git and curl. Secrets, where they are new: FIREBASE_WEB_API_KEY, FIREBASE_SERVICE_ACCOUNT_FILE.
set -euo pipefail
cd "$(dirname "$0")/.."

outputs=(AZURE_RESOURCE_GROUP CONTAINER_REGISTRY_NAME CONTAINER_REGISTRY_SERVER FUNCTION_APP_NAME API_URL KEY_VAULT_NAME
    KEY_VAULT_URI APP_IDENTITY_NAME APP_IDENTITY_CLIENT_ID OPERATOR_IDENTITY_ID OPERATOR_IDENTITY_CLIENT_ID FACTORY_NAME
    FACTORY_CLIENT_ID DATABASE_SERVER DATABASE_NAME IMPORTS_ACCOUNT_NAME EVENT_TOPIC_NAME FIREBASE_PROJECT_ID)

# Seconds that a job may take to start.
START_SECONDS=${START_SECONDS:-600}

main() {
    read_outputs
    case ${1:-} in
        "") publish ;;
        run) run_image "$2" ;;
        admin) make_admin "$2" ;;
        *) fail "Unknown: $1. The head of infra/publish.sh says what there is." ;;
    esac
}

publish() {
    local account commit image
    account=$(cat "${FIREBASE_SERVICE_ACCOUNT_FILE:-/dev/null}")
    put_secret FIREBASE-WEB-API-KEY "${FIREBASE_WEB_API_KEY:-}"
    put_secret FIREBASE-SERVICE-ACCOUNT "$account"
    commit=$(git rev-parse HEAD)
    image=$CONTAINER_REGISTRY_SERVER/product-catalog:${commit:0:12}
    build_image "$commit"
    # The version that runs still goes on with what a migration adds: docs/maintenance.md, "Updates".
    run_job migrate "$image" python -m shared.database.migrate
    run_job access "$image" python -m shared.database.mssql.access \
        --app "$APP_IDENTITY_NAME" "$APP_IDENTITY_CLIENT_ID" --factory "$FACTORY_NAME" "$FACTORY_CLIENT_ID"
    run_image "$image"
    subscribe
    if [ -n "${FIRST_ADMIN_EMAIL:-}" ]; then make_admin "$FIRST_ADMIN_EMAIL"; fi
    say "Published. To see it work: make smoke URL=$API_URL"
}

say() { echo "==> $*" >&2; }
fail() { echo "$*" >&2; exit 1; }

# Tries a command until it succeeds: a new role reaches all of Azure within minutes, not at once.
persistently() {
    local tries=0
    until "$@"; do
        tries=$((tries + 1))
        [ "$tries" -lt 20 ] || fail "Given up after $tries tries: $1 ${2:-}"
        sleep 30
    done
}

read_outputs() {
    local name
    for name in "${outputs[@]}"; do
        if [ -z "${!name:-}" ]; then
            [ -n "${DEPLOYMENT:-}" ] || fail "Neither $name is set nor DEPLOYMENT, the deployment to ask for it."
            export "$name=$(az deployment sub show --name "$DEPLOYMENT" \
                --query "properties.outputs.$name.value" --output tsv)"
            [ -n "${!name}" ] || fail "The deployment $DEPLOYMENT has no output $name."
        fi
    done
}

# Puts a secret in, or sees that it is there. Through a file descriptor: a command line is for everybody to see.
put_secret() {
    local name=$1 value=$2
    if [ -n "$value" ]; then
        say "Secret $name into $KEY_VAULT_NAME"
        persistently set_secret "$name" "$value"
    else
        local there
        there=$(persistently find_secret "$name")
        [ -n "$there" ] ||
            fail "$KEY_VAULT_NAME has no secret $name: set FIREBASE_WEB_API_KEY and FIREBASE_SERVICE_ACCOUNT_FILE."
    fi
}

# The secret's id; nothing where it isn't there. Fails where that can't be told: the role to ask may be on its way.
find_secret() {
    local secrets
    secrets=$(az keyvault secret list --vault-name "$KEY_VAULT_NAME" --query "[?name=='$1' && attributes.enabled].id" \
        --output tsv) || return
    echo "$secrets"
}

set_secret() {
    az keyvault secret set --vault-name "$KEY_VAULT_NAME" --name "$1" --file <(printf '%s' "$2") --output none
}

# Builds a commit, under its first twelve digits, in the registry: so no Docker is needed here.
build_image() {
    local commit=$1 tag context
    tag=product-catalog:${commit:0:12}
    say "Image $tag, built in $CONTAINER_REGISTRY_NAME"
    if [ -n "$(git status --porcelain)" ]; then say "(without what isn't committed)"; fi
    context=$(mktemp -d)
    git archive "$commit" | tar -x -C "$context"
    (cd "$context" && az acr build --registry "$CONTAINER_REGISTRY_NAME" --image "$tag" --build-arg COMMIT="$commit" \
        --file Dockerfile . >&2)
    rm -r "$context"
}

# Runs a command in the image as the operator's identity, shows what it printed, and fails where it failed.
run_job() {
    local name=job-$1 image=$2
    shift 2
    say "$*"
    persistently start_job "$name" "$image" "$@"
    local state='' deadline=$((SECONDS + START_SECONDS))
    until [ "$state" = Terminated ]; do
        # A migration may take its time, but an image that can't be pulled waits for ever.
        if [ "$state" != Running ] && [ "$SECONDS" -ge "$deadline" ]; then
            az container show --resource-group "$AZURE_RESOURCE_GROUP" --name "$name" \
                --query 'containers[0].instanceView.events[].message' --output tsv >&2
            fail "$name hasn't started after $START_SECONDS s."
        fi
        sleep 5
        state=$(job_state "$name" state)
    done
    az container logs --resource-group "$AZURE_RESOURCE_GROUP" --name "$name" >&2
    local status
    status=$(job_state "$name" exitCode)
    [ "$status" = 0 ] || fail "$name ended with $status."
    az container delete --resource-group "$AZURE_RESOURCE_GROUP" --name "$name" --yes --output none
}

start_job() {
    local name=$1 image=$2
    shift 2
    local command
    command=$(printf ',"%s"' "$@")
    az container delete --resource-group "$AZURE_RESOURCE_GROUP" --name "$name" --yes --output none 2>/dev/null || true
    az deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name "$name" --template-file infra/job.bicep \
        --output none --parameters name="$name" image="$image" command="[${command:1}]" \
        registryServer="$CONTAINER_REGISTRY_SERVER" operatorIdentityId="$OPERATOR_IDENTITY_ID" \
        operatorIdentityClientId="$OPERATOR_IDENTITY_CLIENT_ID" databaseServer="$DATABASE_SERVER" \
        databaseName="$DATABASE_NAME" vaultUri="$KEY_VAULT_URI" firebaseProjectId="$FIREBASE_PROJECT_ID"
}

job_state() {
    az container show --resource-group "$AZURE_RESOURCE_GROUP" --name "$1" \
        --query "containers[0].instanceView.currentState.$2" --output tsv
}

run_image() {
    say "$FUNCTION_APP_NAME runs $1"
    az functionapp config set --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" \
        --linux-fx-version "DOCKER|$1" --output none
    persistently curl --silent --show-error --fail --max-time 60 --output /dev/null "$API_URL/api/health/ready"
}

# Event Grid asks the app to confirm, with a key that the app's host has made: so the app must run.
subscribe() {
    say "Events of new uploads go to $FUNCTION_APP_NAME"
    persistently az deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name event-subscription \
        --template-file infra/event-subscription.bicep --output none --parameters \
        functionAppName="$FUNCTION_APP_NAME" eventTopicName="$EVENT_TOPIC_NAME" importsAccountName="$IMPORTS_ACCOUNT_NAME"
}

# Nobody knows the account's first password: Firebase sends a message to set one.
make_admin() {
    local email=$1 image status
    case $email in *[\"\\]* | *' '*) fail "Not an e-mail address: $email" ;; esac
    say "Administrator: $email"
    status=$(post auth/signup "{\"email\": \"$email\", \"password\": \"$(head -c 24 /dev/urandom | base64)\"}")
    case $status in 201 | 409) ;; *) fail "Signing up answered $status." ;; esac
    image=$(az functionapp config show --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" \
        --query linuxFxVersion --output tsv)
    run_job admin "${image#DOCKER|}" python -m shared.identity.admin --email "$email"
    if [ "$status" = 201 ]; then
        [ "$(post auth/password-reset "{\"email\": \"$email\"}")" = 202 ] || fail "No message for a password was sent."
        say "$email gets a message to set a password."
    fi
}

# The status of a POST to the API; the body goes by standard input, since a command line is for everybody to see.
post() {
    printf '%s' "$2" | curl --silent --show-error --max-time 60 --output /dev/null --write-out '%{http_code}' \
        --header 'Content-Type: application/json' --data-binary @- "$API_URL/api/$1"
}

main "$@"
