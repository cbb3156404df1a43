#!/usr/bin/env bash
# `make image-check`: the Dockerfile without a finding; built, where buildah is installed, on a stand-in for Microsoft's
# base image; the files of the result compared with the intended ones; the app in it indexed by Microsoft's worker
# runtime and answering. BASE_IMAGE=… builds on that image instead (Microsoft's, where it can be pulled).
set -euo pipefail
cd "$(dirname "$0")/../.."

bin=.venv/bin
folder=.local/image-check
stand_in=localhost/functions-python-stand-in
image=localhost/product-catalog:check
site=/home/site/wwwroot

"$bin/hadolint" Dockerfile
echo "hadolint: no finding."

if ! command -v buildah >/dev/null || { [ -z "${BASE_IMAGE:-}" ] && ! command -v debootstrap >/dev/null; }; then
    echo "The image was not built: that needs buildah and debootstrap (Debian's packages) and root." >&2
    exit 0
fi

# A machine's own way to the package index (a mirror, a certificate) is made known to the build, and stays out of the image.
way=()
for file in /etc/pip.conf /etc/xdg/pip "$HOME/.config/pip" /etc/ssl/certs; do
    if [ -e "$file" ]; then way+=(--volume "$file:${file/#$HOME//home}:ro"); fi
done

mkdir -p "$folder"
base=${BASE_IMAGE:-$stand_in}
if [ -z "${BASE_IMAGE:-}" ]; then
    infra/image/stand_in_base.sh "$bin/python" "$PWD/$folder" "$stand_in"
fi
commit=$(git rev-parse HEAD)
buildah bud --isolation chroot --format docker --layers --pull-never "${way[@]}" \
    --build-arg BASE_IMAGE="$base" --build-arg COMMIT="$commit" --tag "$image" . >"$folder/build.log" 2>&1 ||
    { tail -n 20 "$folder/build.log" >&2; exit 1; }

label=$(buildah inspect --type image --format '{{index .Docker.Config.Labels "org.opencontainers.image.revision"}}' "$image")
[ "$label" = "$commit" ] || { echo "The image's label says $label, the commit is $commit." >&2; exit 1; }

container=$(buildah from --pull-never "$image")
trap 'buildah rm "$container" >/dev/null' EXIT
"$bin/python" -m infra.image.files "$(buildah mount "$container")$site"
buildah umount "$container" >/dev/null
buildah run --isolation chroot --volume "$PWD/local:/check/local:ro" --volume "$PWD/infra:/check/infra:ro" \
    --env PYTHONPATH="$site/.python_packages/lib/site-packages:/check" --env PYTHONDONTWRITEBYTECODE=1 \
    --env AZURE_FUNCTIONS_ENVIRONMENT=Development --env DATABASE_URL=sqlite:////tmp/catalog.db \
    "$container" -- python -m infra.image.answers "$site"

if [ -z "${BASE_IMAGE:-}" ]; then
    echo "Microsoft's base image was NOT there: the build ran on a stand-in without the Functions host."
    echo "Where it can be pulled: make image-check BASE_IMAGE=mcr.microsoft.com/azure-functions/python:4-python3.13"
fi
