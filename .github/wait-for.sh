#!/usr/bin/env bash
# Waits until a command succeeds: wait-for.sh 'curl --fail …' [SECONDS]. Fails after that time.
set -euo pipefail

deadline=$((SECONDS + ${2:-300}))
until bash -c "$1" > /dev/null 2>&1; do
    if [ "$SECONDS" -ge "$deadline" ]; then
        echo "Not in time: $1" >&2
        exit 1
    fi
    sleep 1
done
