#!/usr/bin/env bash
# Publishes this checkout to a deployment of infra/main.bicep: stores the secrets, builds the image, migrates the
# database, creates its users, switches the app to the image, subscribes to events. You can run it again.
#
#   infra/publish.sh                 all steps; with FIRST_ADMIN_EMAIL it also makes that user an administrator
#   infra/publish.sh run IMAGE       only switches the app to an image in the registry, also to an older one
#   infra/publish.sh admin EMAIL     only makes a user an administrator
#
# azd passes the deployment's outputs as environment variables (azure.yaml). Without azd, name the deployment:
#   DEPLOYMENT=product-catalog infra/publish.sh
# Needs git, curl and az; log in with az first. New secrets: FIREBASE_WEB_API_KEY, FIREBASE_SERVICE_ACCOUNT_FILE.
set -euo pipefail
cd "$(dirname "$0")/.."

outputs=(AZURE_RESOURCE_GROUP CONTAINER_REGISTRY_NAME CONTAINER_REGISTRY_SERVER FUNCTION_APP_NAME API_URL KEY_VAULT_NAME
    KEY_VAULT_URI APP_IDENTITY_NAME APP_IDENTITY_CLIENT_ID OPERATOR_IDENTITY_ID OPERATOR_IDENTITY_CLIENT_ID FACTORY_NAME
    FACTORY_CLIENT_ID DATABASE_SERVER DATABASE_NAME IMPORTS_ACCOUNT_NAME EVENT_TOPIC_NAME FIREBASE_PROJECT_ID)

# The time in which a job has to start.
START_SECONDS=${START_SECONDS:-600}

main() {
    read_outputs
    case ${1:-} in
        "") publish ;;
        run) run_image "$2" ;;
        admin) make_admin "$2" ;;
        *) fail "Unknown command: $1. See the commands at the top of infra/publish.sh." ;;
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
    # The running version works with the new schema until the image is switched: docs/maintenance.md, "Updates".
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

# Retries a command until it succeeds: a new role assignment takes minutes to reach all of Azure.
retry() {
    local attempts=0
    until "$@"; do
        attempts=$((attempts + 1))
        [ "$attempts" -lt 20 ] || fail "Failed after $attempts attempts: $1 ${2:-}"
        sleep 30
    done
}

read_outputs() {
    local name
    for name in "${outputs[@]}"; do
        if [ -z "${!name:-}" ]; then
            [ -n "${DEPLOYMENT:-}" ] || fail "Neither $name is set nor DEPLOYMENT. Set DEPLOYMENT to the deployment's name."
            export "$name=$(az deployment sub show --name "$DEPLOYMENT" \
                --query "properties.outputs.$name.value" --output tsv)"
            [ -n "${!name}" ] || fail "The deployment $DEPLOYMENT has no output $name."
        fi
    done
}

# Stores a secret, or checks that it is stored. It is passed through a file descriptor: all users can see command lines.
put_secret() {
    local name=$1 value=$2
    if [ -n "$value" ]; then
        say "Secret $name into $KEY_VAULT_NAME"
        retry set_secret "$name" "$value"
    else
        local id
        id=$(retry find_secret "$name")
        [ -n "$id" ] ||
            fail "$KEY_VAULT_NAME has no secret $name: set FIREBASE_WEB_API_KEY and FIREBASE_SERVICE_ACCOUNT_FILE."
    fi
}

# Prints the secret's id, or nothing if there is none. Fails if secrets can't be listed (yet).
find_secret() {
    local secrets
    secrets=$(az keyvault secret list --vault-name "$KEY_VAULT_NAME" --query "[?name=='$1' && attributes.enabled].id" \
        --output tsv) || return
    echo "$secrets"
}

set_secret() {
    az keyvault secret set --vault-name "$KEY_VAULT_NAME" --name "$1" --file <(printf '%s' "$2") --output none
}

# Builds a commit's image in the registry: this machine needs no Docker. The tag is the commit's first 12 digits.
build_image() {
    local commit=$1 tag context
    tag=product-catalog:${commit:0:12}
    say "Image $tag, built in $CONTAINER_REGISTRY_NAME"
    if [ -n "$(git status --porcelain)" ]; then say "(without uncommitted changes)"; fi
    context=$(mktemp -d)
    git archive "$commit" | tar -x -C "$context"
    (cd "$context" && az acr build --registry "$CONTAINER_REGISTRY_NAME" --image "$tag" --build-arg COMMIT="$commit" \
        --file Dockerfile . >&2)
    rm -r "$context"
}

# Runs a command in the image with the operator's identity and prints its output. Fails if the command fails.
run_job() {
    local name=job-$1 image=$2
    shift 2
    say "$*"
    retry start_job "$name" "$image" "$@"
    local state='' deadline=$((SECONDS + START_SECONDS))
    until [ "$state" = Terminated ]; do
        # A running job has no time limit, but an image that can't be pulled would wait forever.
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
    retry curl --silent --show-error --fail --max-time 60 --output /dev/null "$API_URL/api/health/ready"
}

# Event Grid validates the subscription with the running app, and its URL needs a key that the app's host has made.
subscribe() {
    say "Events of new uploads go to $FUNCTION_APP_NAME"
    retry az deployment group create --resource-group "$AZURE_RESOURCE_GROUP" --name event-subscription \
        --template-file infra/event-subscription.bicep --output none --parameters \
        functionAppName="$FUNCTION_APP_NAME" eventTopicName="$EVENT_TOPIC_NAME" importsAccountName="$IMPORTS_ACCOUNT_NAME"
}

# The account's first password is random and not kept: the user sets one with the link in Firebase's message.
make_admin() {
    local email=$1 image status
    case $email in *[\"\\]* | *' '*) fail "Not an e-mail address: $email" ;; esac
    say "Administrator: $email"
    status=$(post auth/signup "{\"email\": \"$email\", \"password\": \"$(head -c 24 /dev/urandom | base64)\"}")
    case $status in 201 | 409) ;; *) fail "Expected 201 or 409 from auth/signup, got $status." ;; esac
    image=$(az functionapp config show --resource-group "$AZURE_RESOURCE_GROUP" --name "$FUNCTION_APP_NAME" \
        --query linuxFxVersion --output tsv)
    run_job admin "${image#DOCKER|}" python -m shared.identity.admin --email "$email"
    if [ "$status" = 201 ]; then
        [ "$(post auth/password-reset "{\"email\": \"$email\"}")" = 202 ] || fail "The message to set a password was not sent."
        say "$email gets a message to set a password."
    fi
}

# Sends a POST to the API and prints the status. The body is passed by standard input: all users can see command lines.
post() {
    printf '%s' "$2" | curl --silent --show-error --max-time 60 --output /dev/null --write-out '%{http_code}' \
        --header 'Content-Type: application/json' --data-binary @- "$API_URL/api/$1"
}

main "$@"
