#!/usr/bin/env bash
# `make smoke` against an app on the services of `make services`: first signs up a user and makes that user an administrator.
set -euo pipefail

curl --fail --silent --show-error --header 'Content-Type: application/json' \
    --data "{\"email\": \"$SMOKE_EMAIL\", \"password\": \"$SMOKE_PASSWORD\"}" "$1/api/auth/signup"
make admin EMAIL="$SMOKE_EMAIL"
make smoke URL="$1"
