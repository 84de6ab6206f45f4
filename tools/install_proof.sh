#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# The package on a clean Debian: debootstrap makes a tree from the machine's own mirror, apt
# installs the .deb, which brings the distribution's apache2 and php-fpm, and
# install_proof_inside.sh goes through what an administrator does. Prints a transcript; the last line counts. Inside,
# processes, mounts and network are the tree's own, so nothing of this machine is touched.
# Where no tree can be made (or TREE=overlay) a copy of this machine's own root is used.
# Usage: install_proof.sh [DEB]; needs root. The tree is made anew each time, in build/proof/.
# The system that debootstrap made is kept as a tar file beside it.
set -eu
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin
proof=$PWD/build/proof
tree=$proof/tree

die() {
    echo "install_proof: $*" >&2
    exit 1
}

[ "$(id -u)" -eq 0 ] || die "run it as root: it makes a tree with users and devices"
deb=${1:-$(find build/deb -name 'libapache2-mod-fpmpool_*.deb' -print -quit 2>/dev/null)}
[ -s "$deb" ] || die "there is no package; run: make -f Makefile.apxs deb"
# shellcheck source=/dev/null
. /etc/os-release

# All mounts are made in a mount namespace of this script's own, and end with it.
if [ -z "${FPMT_PROOF:-}" ]; then
    FPMT_PROOF=1 exec unshare -m "$0" "$deb"
fi
mount --make-rprivate /
umount_all() {
    local status=$? mount
    for mount in "$tree"/{proc,run,tmp,dev/pts,dev} "$tree" "$proof/layers"; do
        umount -l "$mount" 2>/dev/null || true
    done
    rm -rf --one-file-system "$tree" "$proof/layers"
    exit "$status"
}
mkdir -p "$proof"
rm -rf --one-file-system "$tree" "$proof/layers"
mkdir "$tree"
trap umount_all EXIT

# deb lines for the distribution's own suites, as this machine's apt has them.
sources() {
    apt-get indextargets --format "\$(ORIGIN) deb \$(SITE) \$(CODENAME) \$(COMPONENT)" \
        'Created-By: Packages' | sed -n 's/^Debian deb/deb/p' | sort -u
}

clean_system() {
    local base=$proof/$VERSION_CODENAME.tar mirror
    mirror=$(sources | awk -v suite="$VERSION_CODENAME" '$3 == suite {print $2; exit}')
    [ -n "$mirror" ] && command -v debootstrap >/dev/null || return 1
    if [ ! -s "$base" ]; then
        debootstrap --variant=minbase "$VERSION_CODENAME" "$tree" "$mirror" \
            >"$proof/debootstrap.log" 2>&1 || return 1
        tar -C "$tree" -cf "$base.part" . && mv "$base.part" "$base"
    else
        tar -C "$tree" -xpf "$base"
    fi
    sources >"$tree/etc/apt/sources.list"
}

# This machine's root below, a layer of memory above.
own_system() {
    rm -rf --one-file-system "$tree"
    mkdir -p "$tree" "$proof/layers"
    mount -t tmpfs -o mode=755 none "$proof/layers"
    mkdir "$proof/layers/upper" "$proof/layers/work"
    mount -t overlay -o "lowerdir=/,upperdir=$proof/layers/upper,workdir=$proof/layers/work" \
        none "$tree"
}

if [ "${TREE:-}" != overlay ] && clean_system; then
    echo "# a clean $PRETTY_NAME by debootstrap, no package added yet"
else
    own_system
    echo "# a copy of this machine's own system ($PRETTY_NAME) as layer over its root"
fi

mount -t tmpfs -o mode=755 none "$tree/run"
mount -t tmpfs -o mode=1777 none "$tree/tmp"
mount -t tmpfs -o mode=755 none "$tree/dev"
for device in null zero full random urandom tty; do
    cp -a "/dev/$device" "$tree/dev/"
done
mkdir -p "$tree/run/lock" "$tree/dev/shm" "$tree/dev/pts" "$tree/proof"
mount -t devpts -o newinstance,ptmxmode=0666 none "$tree/dev/pts"
ln -s pts/ptmx "$tree/dev/ptmx"
chmod 1777 "$tree/run/lock" "$tree/dev/shm"
ln -s /proc/self/fd "$tree/dev/fd"
install -m 0644 "$deb" "$tree/proof/"
install -m 0755 tools/install_proof_inside.sh debian/tests/* "$tree/proof/"

# Only the download needs a network, and needs nothing of the tree to run.
inside() { # inside COMMAND...: with the environment of a login, no more
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin TERM=dumb LC_ALL=C.UTF-8 \
        DEBIAN_FRONTEND=noninteractive ${http_proxy:+http_proxy="$http_proxy"} chroot "$tree" "$@"
}
install -m 0644 /etc/resolv.conf "$tree/etc/resolv.conf"
echo '127.0.0.1 localhost proof' >"$tree/etc/hosts"
# Packages may start and reload services, as on a machine that was booted; without an init
# system and without this file invoke-rc.d does nothing.
install -m 0755 /dev/stdin "$tree/usr/sbin/policy-rc.d" <<<$'#!/bin/sh\nexit 0'
# In a copy of this machine apache2 and php-fpm may be there already, with what was done to them.
forget_packages() {
    inside dpkg-query -W -f "\${Package}\n" 'libapache2-mod-*' 'apache2*' 'php*-fpm' |
        inside xargs apt-get -qq purge -y
    rm -rf --one-file-system "$tree"/etc/apache2 "$tree"/etc/php/*/fpm "$tree"/var/lib/apache2
}
{
    [ ! -d "$proof/layers" ] || forget_packages
    inside apt-get -qq update
    inside apt-get -qq -y install curl
    inside apt-get -qq --download-only -y install "/proof/${deb##*/}"
} >"$proof/download.log" 2>&1 || die "apt could not download; see $proof/download.log"

export -f inside
export tree deb
# shellcheck disable=SC2016  # expanded in there
unshare -n -i -u -p -f --kill-child bash -c '
    hostname proof
    mount -t proc proc "$tree/proc"
    ip link set lo up
    inside /proof/install_proof_inside.sh "/proof/${deb##*/}"'
