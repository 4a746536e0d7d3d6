# SPDX-License-Identifier: MIT
# Sourced by examples/run.sh and tests/run.sh, with $me the name to sign messages with: which
# systems they run on, and how packages get there. Nothing that is installed already is asked for
# again, so a second run needs no network.

say() {
	printf '\n== %s\n' "$*"
}

die() {
	printf '%s: %s\n' "$me" "$*" >&2
	exit 2
}

# Shows a command, then runs it.
run() {
	printf '+ %s\n' "$*"
	"$@"
}

is_installed() {
	dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# Prints those of its arguments that are not installed.
missing_of() {
	for package in "$@"; do
		is_installed "$package" || printf '%s ' "$package"
	done
}

# Sets $can_install: yes on Debian 12 and Ubuntu 24.04 or later, no on their derivatives, where the
# packages must be there already. Anything else ends here.
check_system() {
	ID='' ID_LIKE='' VERSION_ID='' PRETTY_NAME=''
	[ -r /etc/os-release ] && . /etc/os-release
	can_install=no
	case $ID in
	debian) # unreleased Debian has no VERSION_ID
		[ "${VERSION_ID:-99}" -ge 12 ] && can_install=yes && return
		;;
	ubuntu)
		[ "${VERSION_ID%%.*}" -ge 24 ] && can_install=yes && return
		;;
	*)
		case " $ID_LIKE " in
		*' debian '* | *' ubuntu '*) return ;;
		esac
		;;
	esac
	die "needs Debian 12, Ubuntu 24.04 or later; this is ${PRETTY_NAME:-another system}"
}

updated=no
apt_get() {
	sudo=''
	if [ "$(id -u)" -ne 0 ]; then
		sudo='sudo -n'
	fi
	if [ "$updated" = no ]; then
		run $sudo env DEBIAN_FRONTEND=noninteractive apt-get \
			-o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -q update || return 1
		updated=yes
	fi
	[ $# -eq 0 ] || run $sudo env DEBIAN_FRONTEND=noninteractive apt-get \
		-o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold \
		-q install -y --no-install-recommends "$@"
}

# Installs what is missing of its arguments; ends here if that cannot be done.
need_packages() {
	missing=$(missing_of "$@")
	[ -n "$missing" ] || return 0
	if [ "$can_install" = no ]; then
		die "needs these packages, and installs on Debian and Ubuntu only: $missing"
	fi
	if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
		die "needs root to install packages; run: sudo apt-get install $missing"
	fi
	say "Installing $missing"
	apt_get $missing || die "apt-get could not install: $missing"
}

# The same, but returns 1 if they cannot be had.
want_packages() {
	missing=$(missing_of "$@")
	[ -n "$missing" ] || return 0
	if [ "$can_install" = no ] ||
		{ [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; }; then
		return 1
	fi
	say "Installing $missing"
	apt_get $missing
}

# Prints the version of the default clang, installed or to be installed.
clang_version() {
	if command -v clang >/dev/null 2>&1; then
		clang --version
	else
		apt-cache depends clang
	fi | sed -n -e 's/.*clang version \([0-9]*\).*/\1/p' \
		-e 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1
}
