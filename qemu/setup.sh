#!/bin/sh
# What the project needs and a machine may lack: a C compiler and linker, the toolchain with its
# targets, QEMU, clang, e2fsprogs. Silent and quick when everything is there. As root it installs what is
# missing and says so; otherwise it prints the command to type and ends with status 1.
#
#   setup.sh            check, and install as root
#   setup.sh --fix      the same, and try again what could not be installed and is optional
#   setup.sh --check    only check: print what is missing, install nothing
set -u
cd "$(dirname "$0")/.." || exit 1

# Where e2fsprogs has its programs; a user's PATH may lack it.
PATH=$PATH:/usr/sbin:/sbin

mode=${1:-install}
missing=    # lines to print
packages=   # Debian packages to install
need() {    # need PROGRAM PACKAGE... : the program must be in PATH
    program=$1
    shift
    command -v "$program" >/dev/null 2>&1 && return
    missing="$missing
  $program (packages: $*)"
    packages="$packages $*"
}

optional=   # packages without which one test is skipped
want() {    # want PROGRAM PACKAGE : the program is useful in PATH
    command -v "$1" >/dev/null 2>&1 || optional="$optional $2"
}

need cc gcc libc6-dev
need clang clang
need qemu-system-x86_64 qemu-system-x86
need qemu-system-aarch64 qemu-system-arm
need mke2fs e2fsprogs
want qemu-system-riscv64 qemu-system-misc

# Rust: the compiler that rust-toolchain.toml names, with its targets and components. A rustc that
# is asked for its sysroot fails, or installs by itself, where the toolchain is not there.
toolchain_there() {
    sysroot=$(RUSTUP_AUTO_INSTALL=0 rustc --print sysroot 2>/dev/null) || return 1
    for target in $(sed -n 's/^ *"\([a-z0-9_]*-[a-z0-9_-]*\)",*$/\1/p' rust-toolchain.toml); do
        [ -d "$sysroot/lib/rustlib/$target/lib" ] || return 1
    done
    [ -x "$sysroot/bin/cargo-clippy" ] && [ -x "$sysroot/bin/rustfmt" ]
}
rust=ok
if ! command -v rustup >/dev/null 2>&1; then
    if ! command -v cargo >/dev/null 2>&1; then
        echo "setup: rustup is missing; install it from https://rustup.rs and start again" >&2
        exit 1
    fi
    # A distribution's cargo may have everything; without rustup nothing can be added to it.
    toolchain_there || { echo "setup: this Rust lacks targets of rust-toolchain.toml, and there is no rustup to add them" >&2; exit 1; }
elif ! toolchain_there; then
    rust=missing
fi

[ "$rust$missing$optional" = ok ] && exit 0

if [ "$mode" = --check ]; then
    [ -z "$optional" ] || echo "setup: optional:$optional"
    [ "$rust" = missing ] && missing="$missing
   the Rust toolchain of rust-toolchain.toml, or one of its targets"
    [ -z "$missing" ] && exit 0
    echo "setup: missing:$missing"
    exit 1
fi
if [ "$rust" = missing ]; then
    echo "setup: installing the Rust toolchain and targets of rust-toolchain.toml"
    rustup toolchain install || { echo "setup: \`rustup toolchain install\` failed; type it in this folder to see why" >&2; exit 1; }
    toolchain_there || { echo "setup: the toolchain is still incomplete; type: rustup toolchain install" >&2; exit 1; }
fi

can_install() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1
}
install() {    # install PACKAGE... : Debian's; what apt-get says is shown if it fails
    echo "setup: installing $*"
    log=$(mktemp) || return 1
    if apt-get update >"$log" 2>&1 && apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1; then
        rm -f "$log"
        echo "setup: done"
        return 0
    fi
    tail -n 20 "$log" >&2
    rm -f "$log"
    return 1
}
export DEBIAN_FRONTEND=noninteractive

if [ -n "$packages" ]; then
    by_hand="apt-get update && apt-get install -y --no-install-recommends$packages"
    if ! can_install; then
        echo "setup: missing:$missing" >&2
        if command -v apt-get >/dev/null 2>&1; then
            echo "setup: type:  sudo sh -c '$by_hand'" >&2
        else
            echo "setup: install these with this system's package manager, then start again" >&2
        fi
        exit 1
    fi
    # shellcheck disable=SC2086  # a list of packages is meant
    install $packages || { echo "setup: the installation failed; type:  $by_hand" >&2; exit 1; }
fi

# Optional packages are tried once: a machine that cannot have them is not asked at every command.
tried=${CARGO_TARGET_DIR:-target}/vellum/optional-packages-tried
if [ -n "$optional" ] && can_install && { [ "$mode" = --fix ] || [ ! -e "$tried" ]; }; then
    mkdir -p "${tried%/*}" && : >"$tried"
    # shellcheck disable=SC2086  # a list of packages is meant
    install $optional || echo "setup: could not install$optional; a test that needs it is skipped" >&2
fi
exit 0
