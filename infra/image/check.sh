#!/usr/bin/env bash
# `make image-check`: lints the Dockerfile. If buildah is installed, it also builds the image on a substitute for
# Microsoft's base image, compares its files with the intended ones, and checks that the app can be indexed and is
# healthy. BASE_IMAGE=… builds on that image instead, such as Microsoft's.
set -euo pipefail
cd "$(dirname "$0")/../.."

bin=.venv/bin
folder=.local/image-check
substitute=localhost/functions-python-substitute
image=localhost/product-catalog:check
site=/home/site/wwwroot

"$bin/hadolint" Dockerfile
echo "hadolint: no finding."

if ! command -v buildah >/dev/null || { [ -z "${BASE_IMAGE:-}" ] && ! command -v debootstrap >/dev/null; }; then
    echo "The image was not built: install the packages buildah and debootstrap, and run as root." >&2
    exit 0
fi

# This machine's configuration of the package index (a mirror, a certificate) is mounted for the build only.
mounts=()
for file in /etc/pip.conf /etc/xdg/pip "$HOME/.config/pip" /etc/ssl/certs; do
    if [ -e "$file" ]; then mounts+=(--volume "$file:${file/#$HOME//home}:ro"); fi
done

mkdir -p "$folder"
base=${BASE_IMAGE:-$substitute}
if [ -z "${BASE_IMAGE:-}" ]; then
    infra/image/substitute_base.sh "$bin/python" "$PWD/$folder" "$substitute"
fi
commit=$(git rev-parse HEAD)
buildah bud --isolation chroot --format docker --layers --pull-never "${mounts[@]}" \
    --build-arg BASE_IMAGE="$base" --build-arg COMMIT="$commit" --tag "$image" . >"$folder/build.log" 2>&1 ||
    { tail -n 20 "$folder/build.log" >&2; exit 1; }

label=$(buildah inspect --type image --format '{{index .Docker.Config.Labels "org.opencontainers.image.revision"}}' "$image")
[ "$label" = "$commit" ] || { echo "The image's label should be the commit $commit but is $label." >&2; exit 1; }

container=$(buildah from --pull-never "$image")
trap 'buildah rm "$container" >/dev/null' EXIT
"$bin/python" -m infra.image.files "$(buildah mount "$container")$site"
buildah umount "$container" >/dev/null
buildah run --isolation chroot --volume "$PWD/local:/check/local:ro" --volume "$PWD/infra:/check/infra:ro" \
    --env PYTHONPATH="$site/.python_packages/lib/site-packages:/check" --env PYTHONDONTWRITEBYTECODE=1 \
    --env AZURE_FUNCTIONS_ENVIRONMENT=Development --env DATABASE_URL=sqlite:////tmp/catalog.db \
    "$container" -- python -m infra.image.health "$site"

if [ -z "${BASE_IMAGE:-}" ]; then
    echo "The image was NOT built on Microsoft's base image but on a substitute without the Functions host."
    echo "To use Microsoft's: make image-check BASE_IMAGE=mcr.microsoft.com/azure-functions/python:4-python3.13"
fi
