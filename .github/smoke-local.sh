#!/usr/bin/env bash
# `make smoke` against an app on the services of `make services`: signs its user up and makes him an administrator first.
set -euo pipefail

curl --fail --silent --show-error --header 'Content-Type: application/json' \
    --data "{\"email\": \"$SMOKE_EMAIL\", \"password\": \"$SMOKE_PASSWORD\"}" "$1/api/auth/signup"
make admin EMAIL="$SMOKE_EMAIL"
make smoke URL="$1"
