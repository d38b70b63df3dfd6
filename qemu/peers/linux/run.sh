#!/bin/bash
# run.sh -- the Linux side of the memory benchmarks: fetches Debian kernels by
# apt, builds the initramfs, runs everything under QEMU/TCG, prints the tables.
#
#   ./run.sh all                 everything (about two hours on two cores)
#   ./run.sh fetch build main    single steps, in this order
#   steps: fetch build main files (of main) disk thp zram wsmax boot (bootcount: its counted part)
#   minram wall plugin tables figures
#
# Environment:
#   LP_BUILD    where kernels, initramfs and results go      (default ./build)
#   LP_JOBS     QEMUs at once for the counted runs           (default: nproc)
#   LP_KERNELS  "key=package ..." instead of the newest 6.1 / 6.12 of this apt
#   LP_ONLY     run only configurations whose name matches this bash regex
#   LP_RUNS     the counted runs of the step main            (default: "r1 r2")
#
# Needs: qemu-system-x86 qemu-system-arm gcc gcc-aarch64-linux-gnu
#        libc6-dev-arm64-cross binutils cpio bc xz-utils zstd lz4 python3, a Debian
#        apt; what is missing it names before it begins.
# Installs nothing, adds no foreign architecture.
set -u
here=$(cd "$(dirname "$0")" && pwd)
B=${LP_BUILD:-$here/build}
JOBS=${LP_JOBS:-$(nproc)}
ONLY=${LP_ONLY:-.}
mkdir -p "$B"/{deb,k,img,res}

# key, Debian architecture, meta package
kernels="
x86-6.1    amd64 linux-image-cloud-amd64
x86-6.12   amd64 linux-image-6.12-cloud-amd64
arm-6.1    arm64 linux-image-arm64
arm-6.12   arm64 linux-image-6.12-arm64
arm16-6.12 arm64 linux-image-6.12-arm64-16k
"

# ---------------------------------------------------------------- fetch
# apt with a state directory of its own: no root, no foreign architecture
apt_priv() {    # ARCH TOOL ARGS...
	local a=$1 tool=$2; shift 2
	mkdir -p "$B/apt-$a"/{lists/partial,cache/archives/partial}
	[ -e "$B/apt-$a/status" ] || : > "$B/apt-$a/status"
	"$tool" -q -o APT::Architecture="$a" -o APT::Architectures::="$a" -o APT::Sandbox::User=root \
		-o Dir::State="$B/apt-$a" -o Dir::State::status="$B/apt-$a/status" \
		-o Dir::Cache="$B/apt-$a/cache" "$@"
}
fetch() {
	local key arch meta pkg
	for arch in amd64 arm64; do apt_priv $arch apt-get update >/dev/null || return 1; done
	while read -r key arch meta; do
		[ -n "$key" ] || continue
		pkg=
		for o in ${LP_KERNELS:-}; do [ "${o%%=*}" = "$key" ] && pkg=${o#*=}; done
		[ -n "$pkg" ] || pkg=$(apt_priv $arch apt-cache depends "$meta" | awk '/Depends:/{print $2; exit}')
		[ -n "$pkg" ] || { echo "no package for $key ($meta)"; continue; }
		echo "$key: $pkg"
		(cd "$B/deb" && apt_priv $arch apt-get download "$pkg" >/dev/null) || return 1
		rm -rf "$B/k/$key"; mkdir -p "$B/k/$key"
		dpkg -x "$(ls -t "$B"/deb/"${pkg}"_*.deb | head -1)" "$B/k/$key" || return 1
		cp "$B/k/$key"/boot/vmlinuz-* "$B/img/$key.kernel"
		basename "$(ls "$B"/deb/"${pkg}"_*.deb | head -1)" > "$B/img/$key.package"
	done <<< "$kernels"
}

# ---------------------------------------------------------------- build
build() {
	local key d m f a
	gcc -O2 -static -Wall -Wextra -o "$B/img/init.x86" "$here/init.c" || return 1
	aarch64-linux-gnu-gcc -O2 -static -Wall -Wextra -o "$B/img/init.arm" "$here/init.c" || return 1
	strip "$B/img/init.x86"; aarch64-linux-gnu-strip "$B/img/init.arm"
	gcc -O2 -Wall -Wextra -o "$B/img/gencheck" "$here/gencheck.c" && "$B/img/gencheck" > "$B/res/gencheck.txt"
	gcc -O2 -shared -fPIC -Wall -o "$B/img/insncount.so" "$here/insncount.c"
	for d in "$B"/k/*; do
		key=$(basename "$d")
		case $key in x86*) a=x86;; *) a=arm;; esac
		rm -rf "$B/img/root"; mkdir -p "$B/img/root/modules"
		cp "$B/img/init.$a" "$B/img/root/init"
		for m in lz4_compress lz4hc_compress lz4 zsmalloc zram virtio virtio_ring virtio_pci_modern_dev \
			virtio_pci_legacy_dev virtio_pci virtio_blk crc16 crc32c_generic mbcache jbd2 ext4; do
			f=$(find "$d/lib/modules" -name "$m.ko" -o -name "$m.ko.xz" | head -1)
			case "$f" in
			*.xz) xz -dc "$f" > "$B/img/root/modules/$m.ko";;
			*.ko) cp "$f" "$B/img/root/modules/$m.ko";;
			esac    # else: built in
		done
		find "$B/img/root" -exec touch -d @0 {} +
		(cd "$B/img/root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0 --reproducible) > "$B/img/$key.cpio"
		if [ $a = x86 ]; then   # the ELF kernel inside the bzImage, for the PVH boot figure
			python3 "$here/unbz.py" "$B/img/$key.kernel" "$B/img/$key.elf"
		fi
	done
	rm -rf "$B/img/root"
}

# ---------------------------------------------------------------- one guest
STOCK="nokaslr norandmaps panic=-1 loglevel=0"
# what a Linux user can turn off without building a kernel
TUNED="mitigations=off init_on_alloc=0 randomize_kstack_offset=off hardened_usercopy=off cgroup_disable=memory lsm=none audit=0"

guest() {       # NAME RUN KERNEL CPU MEM TIMEOUT MODE APPEND [QEMU ARGS]
	local name=$1 run=$2 key=$3 cpu=$4 mem=$5 limit=$6 mode=$7 append=$8; shift 8
	local out="$B/res/$name.$run.txt" img="$B/img/$key.kernel" q m con t0 t1
	[[ $name =~ $ONLY ]] || return 0
	case $key in
	x86*)   q=qemu-system-x86_64 m=q35 con=ttyS0;;
	*)      q=qemu-system-aarch64 m=virt con=ttyAMA0;;
	esac
	case $name in *-pvh*) img="$B/img/$key.elf";; esac
	local clock="-icount shift=0,sleep=off -rtc base=2024-01-01T00:00:00,clock=vm"
	case $mode in disk) mode=icount; clock=${clock/sleep=off/sleep=on};; esac
	[ "$mode" = wall ] && clock="-rtc base=2024-01-01T00:00:00"
	local cmd=($q -M $m -cpu "$cpu" -m "$mem" -smp 1 -accel tcg $clock -seed 1
		-nodefaults -no-user-config -display none -no-reboot -serial stdio
		-kernel "$img" -initrd "$B/img/$key.cpio"
		-append "console=$con $STOCK lp.clock=$mode $append" "$@")
	t0=$(date +%s.%N)
	timeout "$limit" "${cmd[@]}" < /dev/null > "$out.tmp" 2>&1
	local rc=$?
	t1=$(date +%s.%N)
	tr -d '\r' < "$out.tmp" > "$out"; rm -f "$out.tmp"
	echo "host rc $rc" >> "$out"
	echo "host seconds $(echo "$t1 - $t0" | bc)" >> "$out"
	echo "host cmd ${cmd[*]}" | sed "s#$B/##g" >> "$out"
	grep -q '^info end' "$out" || echo "host INCOMPLETE" >> "$out"
	echo "$name $run: rc $rc, $(echo "$t1 - $t0" | bc) s"
}
pool() {        # reads "guest ..." lines, runs JOBS at once
	local line
	while IFS= read -r line; do
		while [ "$(jobs -rp | wc -l)" -ge "$JOBS" ]; do wait -n; done
		eval "$line" < /dev/null &
	done
	wait
}

# ---------------------------------------------------------------- configurations
X=max; XE=max,-erms; A=max,cntfrq=1000000000
# name, kernel, cpu, options: the machines the figures are for
configs="
x86-6.1-stock|x86-6.1|$X|
x86-6.12-stock|x86-6.12|$X|
x86-6.12-noerms|x86-6.12|$XE|
x86-6.1-tuned|x86-6.1|$XE|no5lvl $TUNED
x86-6.12-tuned|x86-6.12|$XE|no5lvl $TUNED
arm-6.1-stock|arm-6.1|$A|
arm-6.12-stock|arm-6.12|$A|
arm-6.12-tuned|arm-6.12|$A|$TUNED
arm16-6.12-stock|arm16-6.12|$A|
arm16-6.12-tuned|arm16-6.12|$A|$TUNED
"
each() {        # PREFIX RUNS MEM LIMIT MODE EXTRA : one line per configuration and run
	local prefix=$1 runs=$2 mem=$3 limit=$4 mode=$5 extra=$6 name key cpu opt r
	for r in $runs; do
		while IFS='|' read -r name key cpu opt; do
			[ -n "$name" ] || continue
			[ "$mode" = wall ] && cpu=${cpu%,cntfrq=*}
			echo "guest $prefix-$name $r $key $cpu $mem $limit $mode '$opt $extra'"
		done <<< "$configs"
	done
}
only() { grep -E -- "$1"; }

main()  { each main "${LP_RUNS:-r1 r2}" 512M 1200 icount "transparent_hugepage=never" | pool; }
files() { each files "${LP_RUNS:-r1 r2}" 512M 1200 icount "transparent_hugepage=never lp.tests=file" | pool; }
# ext2 on virtio: the disk that `cargo vellum bench files` has, anew for each guest. While the guest waits for it the
# clock goes with the host's; the plugin counts what is executed between the marks of init.c.
disk()  { each disk "${LP_RUNS:-r1 r2}" 512M 1200 disk "transparent_hugepage=never lp.tests=disk" | sed 's/^guest/diskguest/' | pool; }
diskguest() {   # the arguments of guest
	local out="$B/res/$1.$2" root="$B/img/disk-root-$1.$2"
	[[ $1 =~ $ONLY ]] || return 0
	mkdir -p "$root"
	head -c 16777216 /dev/zero | tr '\0' x > "$root/data"
	PATH=$PATH:/usr/sbin:/sbin mke2fs -q -F -t ext2 -b 4096 -d "$root" "$out.ext2" 64M > /dev/null || return 1
	guest "$@" -plugin "file=$B/img/insncount.so" -d plugin -D "$out.log" \
		-blockdev "driver=raw,node-name=disk0,cache.direct=off,cache.no-flush=off,file.driver=file,file.filename=$out.ext2" \
		-device virtio-blk-pci,disable-legacy=on,drive=disk0,write-cache=on
	rm -rf "$root" "$out.ext2"
	python3 "$here/marks.py" "$out.log" "$out.txt" >> "$out.txt"
}
thp()   {
	{ each thp "r1 r2" 512M 900 icount "transparent_hugepage=always lp.thp=always lp.tests=anon" | only '(x86-6.12-(noerms|tuned)|arm(16)?-6.12-)'
	  each mthp "r1 r2" 512M 900 icount "transparent_hugepage=never lp.tests=mthp" | only '(6.12-noerms|arm(16)?-6.12-stock)'; } | pool
}
zram()  { each zram "r1 r2" 128M 1800 icount "transparent_hugepage=never lp.tests=zram lp.wslimit=384" | pool; }
wsmax() {       # the search is long: twice at 128 MiB, once elsewhere
	local m
	{ for m in 64 96 128; do
		each "wsmax$m" r1 ${m}M 5400 icount "transparent_hugepage=never lp.tests=wsmax lp.wslimit=$((m * 3))" |
			only '(6.12-noerms|x86-6.12-tuned|arm(16)?-6.12-stock)'
	  done
	  each wsmax80 r1 80M 5400 icount "transparent_hugepage=never lp.tests=wsmax lp.wslimit=240" | only 6.12-noerms
	  each wsmax128 r2 128M 5400 icount "transparent_hugepage=never lp.tests=wsmax lp.wslimit=384" |
		only '(6.12-noerms|arm(16)?-6.12-stock)'
	  each wsmax256 r1 256M 5400 icount "transparent_hugepage=never lp.tests=wsmax lp.wslimit=768" |
		only '(6.12-noerms|arm(16)?-6.12-stock)'; } | pool
}
bootcount() {
	{ each boot "r1 r2" 512M 600 icount "transparent_hugepage=never lp.tests=off" | sed "s/$A/max/"
	  each boot-pvh "r1 r2" 512M 600 icount "transparent_hugepage=never lp.tests=off" | only ' x86-6'; } | pool
}
boot()  {
	bootcount
	each bootwall "w1 w2 w3" 512M 600 wall "transparent_hugepage=never lp.tests=off" | JOBS=1 pool
	each bootwall-pvh "w1 w2 w3" 512M 600 wall "transparent_hugepage=never lp.tests=off" | only ' x86-6' | JOBS=1 pool
}
minram() {      # the smallest -m, in steps of 4 MiB, that reaches /init
	local name key cpu opt m
	: > "$B/res/minram.txt"
	while IFS='|' read -r name key cpu opt; do
		[ -n "$name" ] || continue
		case $name in *-stock) ;; *) continue;; esac
		for m in $(seq 48 4 160); do
			guest "minram-$name" m$m $key $cpu ${m}M 120 icount "$opt lp.tests=off" > /dev/null
			if grep -q '^info end' "$B/res/minram-$name.m$m.txt"; then
				echo "$name $m MiB $(grep -E 'mem_(total|free)_boot' "$B/res/minram-$name.m$m.txt" | awk '{print $2, $3, $4}' | tr '\n' ' ')" | tee -a "$B/res/minram.txt"
				break
			fi
		done
	done <<< "$configs"
}
wall()  {       # one QEMU at a time, nothing else running
	each wall "w1 w2 w3" 512M 1200 wall "transparent_hugepage=never" | JOBS=1 pool
	each wallzram "w1 w2" 128M 1200 wall "transparent_hugepage=never lp.tests=zram lp.wslimit=384" |
		only '(6.12-noerms|arm(16)?-6.12-stock)' | JOBS=1 pool
}
plugin() {      # virtual clock against the plugin's count; boot by address
	local c
	for c in "x86-6.12 max pvh" "x86-6.12 max bz" "x86-6.1 max bz" "arm-6.12 max bz" "arm16-6.12 max bz" "arm-6.1 max bz"; do
		set -- $c
		echo "guest plugin-$1-$3 r1 $1 $2 512M 900 icount 'transparent_hugepage=never lp.tests=off' -plugin file=$B/img/insncount.so -d plugin -D $B/res/plugin-$1-$3.log"
	done | pool
}
# what `cargo vellum bench` sets beside our figures
figures() { python3 "$here/collate.py" "$B/res" "$here/figures.json"; }
tables() { python3 "$here/collate.py" "$B/res" | tee "$B/res/tables.md"; }

[ $# -gt 0 ] || { sed -n '2,20p' "$0"; exit 2; }

missing=
while read -r program package; do
	command -v "$program" >/dev/null 2>&1 || missing="$missing $package"
done <<< "qemu-system-x86_64 qemu-system-x86
qemu-system-aarch64 qemu-system-arm
gcc gcc
aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu libc6-dev-arm64-cross
strip binutils
cpio cpio
bc bc
xz xz-utils
zstd zstd
lz4 lz4
python3 python3
apt-get apt
dpkg dpkg"
if [ -n "$missing" ]; then
	echo "run.sh: missing; type:  sudo apt-get install -y --no-install-recommends$missing" >&2
	exit 1
fi
for step in "$@"; do
	case $step in
	all) for s in fetch build main disk thp zram wsmax boot minram plugin wall tables; do $s || exit 1; done;;
	fetch|build|main|files|disk|thp|zram|wsmax|bootcount|boot|minram|wall|plugin|tables|figures) $step || exit 1;;
	*) echo "unknown step $step"; exit 2;;
	esac
done
