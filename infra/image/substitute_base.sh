#!/usr/bin/env bash
# Makes a substitute for Microsoft's base image, for machines that can't pull it: Debian, this machine's Python 3.13 at
# the same path, unixODBC, ODBC Driver 18 (the library in the wheel `mssql-python-odbc`) and curl. NO Functions host.
# Needs root, debootstrap and buildah.
#
#   substitute_base.sh PYTHON FOLDER IMAGE
set -euo pipefail

python=$1    # any Python 3.13 whose files are copied
folder=$2    # where the root file system is built; reused by the next build
image=$3     # the image's name in buildah's store

root=$folder/root
driver=/opt/microsoft/msodbcsql18
packages=ca-certificates,curl,unixodbc,libgssapi-krb5-2,libssl3,libffi8,libsqlite3-0,zlib1g,libbz2-1.0,liblzma5
packages+=,libreadline8,libncursesw6,libuuid1,libexpat1

make_root() {
    local prefix wheel
    prefix=$("$python" -c 'import sys; print(sys.base_prefix)')
    rm -rf "$root" "$folder/driver"
    # shellcheck source=/dev/null
    debootstrap --variant=minbase --include="$packages" "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" >&2

    mkdir -p "$root/opt/python"
    cp -a "$prefix" "$root/opt/python/3.13"
    rm -rf "$root"/opt/python/3.13/lib/python3.13/{test,site-packages,idlelib,lib2to3}
    find "$root/opt/python/3.13" -name __pycache__ -prune -exec rm -rf {} +
    ln -s /opt/python/3.13/bin/python3.13 "$root/usr/bin/python3.13"
    ln -s python3.13 "$root/usr/bin/python3"
    ln -s python3.13 "$root/usr/bin/python"
    ln -s /opt/python/3.13/lib/libpython3.13.so.1.0 "$root/usr/lib/libpython3.13.so.1.0"
    chroot "$root" ldconfig
    chroot "$root" python -m ensurepip >/dev/null

    "$python" -m pip download --quiet --no-deps --dest "$folder/driver" mssql-python-odbc
    wheel=$(echo "$folder"/driver/*.whl)
    "$python" -m zipfile -e "$wheel" "$folder/driver/unpacked"
    mkdir -p "$root$driver"
    cp -r "$folder"/driver/unpacked/mssql_python_odbc/libs/linux/debian_ubuntu/"$(uname -m)"/. "$root$driver/"
    rm -f "$root$driver"/lib/libodbcinst*  # unixODBC has its own
    printf '[ODBC Driver 18 for SQL Server]\nDriver=%s\n' \
        "$driver/lib/$(basename "$root$driver"/lib/libmsodbcsql*)" >> "$root/etc/odbcinst.ini"
}

make_image() {
    local container
    container=$(buildah from scratch)
    buildah copy --quiet "$container" "$root" / >/dev/null
    buildah config --env HOME=/home --env LANG=C.UTF-8 --env FUNCTIONS_WORKER_RUNTIME=python \
        --label substitute="debian, without the Functions host" --cmd '["false"]' "$container"
    buildah commit --quiet --rm "$container" "$image" >/dev/null
}

if [ ! -e "$folder/made" ]; then
    make_root
    touch "$folder/made"
fi
make_image
