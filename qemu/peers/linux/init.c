/*
 * init.c -- memory-operation benchmarks, run as /init (PID 1) of a Linux guest.
 *
 * Prints `bench NAME VALUE UNIT` and `info NAME TEXT` lines on the console and
 * powers the machine off.  Options come from the kernel command line:
 *   lp.clock=icount   time = guest counter, 1 ns = 1 instruction (-icount shift=0)
 *   lp.clock=wall     time = CLOCK_MONOTONIC (plain TCG)
 *   lp.tests=a,b,c    which groups to run (default: all of 1..10; "off": none,
 *                     power off at once)
 *   lp.wslimit=N      MiB, size of the zram device, upper bound of the search
 *   lp.thp=always     written to transparent_hugepage/enabled
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include "../bench/gen.h"
#include "layer-linux.h"
#include "../bench/output.h"

#ifndef MADV_PAGEOUT
#define MADV_PAGEOUT 21
#endif

static void die(const char *what)
{
	say("info FAIL %s errno %d\n", what, errno);
	flush();
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

/* ---- small helpers ---- */
static size_t PG;

static ssize_t slurp(const char *path, char *b, size_t n)
{
	int fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	size_t got = 0;
	while (got < n - 1) {
		ssize_t r = read(fd, b + got, n - 1 - got);
		if (r <= 0)
			break;
		got += (size_t)r;
	}
	close(fd);
	b[got] = 0;
	return (ssize_t)got;
}
static int spit(const char *path, const char *s)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		return -1;
	ssize_t r = write(fd, s, strlen(s));
	close(fd);
	return r < 0 ? -1 : 0;
}
static long field(const char *path, const char *key)
{
	static char b[32768];
	if (slurp(path, b, sizeof b) < 0)
		return -1;
	size_t k = strlen(key);
	for (char *p = b; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : 0)
		if (!strncmp(p, key, k))
			return strtol(p + k, 0, 10);
	return -1;
}
static long meminfo(const char *k) { return field("/proc/meminfo", k); }
static long vmstat(const char *k) { return field("/proc/vmstat", k); }
/* bytes in live objects of the caches a mapping lives in; /proc/slabinfo */
static long map_bytes(void)
{
	static const char *cache[] = { "vm_area_struct ", "maple_node ", "vma_lock ", "anon_vma ", "anon_vma_chain " };
	static char b[65536];
	long t = 0;

	if (slurp("/proc/slabinfo", b, sizeof b) <= 0)
		return -1;
	for (char *p = b; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : 0)
		for (unsigned i = 0; i < sizeof cache / sizeof *cache; i++)
			if (!strncmp(p, cache[i], strlen(cache[i]))) {
				long act = 0, num = 0, size = 0;
				sscanf(p + strlen(cache[i]), "%ld %ld %ld", &act, &num, &size);
				t += act * size;
			}
	return t;
}
static long task_faults(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return u.ru_minflt;
}
static void settle(void)
{
	struct timespec t = { 0, 50 * 1000 * 1000 };
	flush();
	nanosleep(&t, 0);
}
static void info_file(const char *name, const char *path)
{
	static char b[4096];
	if (slurp(path, b, sizeof b) <= 0)
		return;
	for (char *p = b; *p; p++)
		if (*p == '\n')
			*p = p[1] ? ';' : 0;
	say("info %s %s\n", name, b);
}

#include "../bench/groups.h"

/* per-size folios ("mTHP", Linux 6.8 and later): record only */
static void t_mthp(void)
{
	static const int kb[] = { 16, 32, 64, 128 };
	char path[96], name[48];

	for (unsigned i = 0; i < 4; i++) {
		snprintf(path, sizeof path,
			 "/sys/kernel/mm/transparent_hugepage/hugepages-%dkB/enabled", kb[i]);
		if (spit(path, "always"))
			continue;
		const size_t len = 64 * MIB;
		double w = 0;
		long f0 = 0, f1 = 0;
		for (int rep = 0; rep < 2; rep++) {
			char *p = arena(len);
			f0 = task_faults();
			uint64_t a = now();
			touch_w(p, len);
			uint64_t b = now();
			f1 = task_faults();
			w = diff(a, b);
			r_munmap(p, len);
		}
		snprintf(name, sizeof name, "anon_write_mthp%dk", kb[i]);
		bench(name, w / (double)(len / PG), "page");
		strcat(name, "_faults");
		value(name, (double)(f1 - f0), "faults");
		spit(path, "never");
	}
}

/* ---- 8 ---- */
/* pages that were read from disks */
static long pages_in(void) { return vmstat("pgpgin ") * 1024 / (long)PG; }

static void load_modules(const char *const *mods, unsigned n);

/* the disk that run.sh gives to the benchmarks */
static void r_mount(const char *on)
{
	mkdir("/tmp", 0755);
	mkdir(on, 0755);
	for (int i = 0; i < 100 && access("/dev/vda", F_OK); i++)
		usleep(10000);
	if (mount("/dev/vda", on, "ext2", 0, 0))
		die("mount of /dev/vda");
}
static void r_unmount(const char *on)
{
	if (umount(on))
		die("umount");
}
static void r_remount(const char *on)
{
	r_unmount(on);
	r_mount(on);
	settle();
}
/*
 * Here the clock goes on while the machine waits for the disk. The plugin counts
 * what is executed between two marks instead, and run.sh sets the figures in.
 */
static void mark(void)
{
#if defined(__x86_64__)
	__asm__ volatile("xchg %%bx,%%bx" : : : "memory");
#else
	__asm__ volatile("mov x27,x27" : : : "memory");
#endif
}
static void disk_begin(void) { mark(); }
static void disk_end(const char *name, double n, const char *per)
{
	mark();
	say("info marks %s %.0f insn/%s\n", name, n, per);
}

#include "../bench/files.h"

static void t_file(void)
{
	char pg[32];

	mkdir("/t", 0755);
	mkdir("/r", 0755);
	if (mount("tmpfs", "/t", "tmpfs", 0, "size=128m") || mount("ramfs", "/r", "ramfs", 0, 0))
		die("mount tmpfs/ramfs");
	cached_file("tmpfs", "/t/f", "");
	cached_file("ramfs", "/r/f", "");
	snprintf(pg, sizeof pg, "%zu", PG);
	if (!spit("/sys/kernel/debug/fault_around_bytes", pg)) {
		cached_file("tmpfs", "/t/f", "_nofaultaround");
		spit("/sys/kernel/debug/fault_around_bytes", "65536");
	}
	umount("/t");
	umount("/r");
}

static void t_disk_linux(void)
{
	static const char *const mods[] = { "virtio_ring", "virtio", "virtio_pci_modern_dev", "virtio_pci_legacy_dev",
		"virtio_pci", "virtio_blk", "crc16", "crc32c_generic", "mbcache", "jbd2", "ext4" };
	load_modules(mods, sizeof mods / sizeof *mods);
	t_disk();
}

/* ---- 11: swap to zram ---- */
static const char *kind_name[] = { "zero", "text", "random", "mix" };

static void load_modules(const char *const *mods, unsigned n)
{
	char path[64];

	for (unsigned i = 0; i < n; i++) {
		snprintf(path, sizeof path, "/modules/%s.ko", mods[i]);
		int fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;               /* built in, or not needed by this kernel */
		if (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST)
			say("info insmod_fail %s errno %d\n", mods[i], errno);
		close(fd);
		unlink(path);                   /* give the initramfs copy back */
	}
}
static long zram_stat(const char *tag)
{
	char b[256], name[128];
	long v[9] = { 0 };

	if (slurp("/sys/block/zram0/mm_stat", b, sizeof b) <= 0)
		return -1;
	sscanf(b, "%ld %ld %ld %ld %ld %ld %ld %ld %ld", &v[0], &v[1], &v[2], &v[3], &v[4],
	       &v[5], &v[6], &v[7], &v[8]);
	/* orig compr mem_used limit mem_used_max same_pages compacted huge huge_since */
	static const char *f[] = { "orig", "compr", "mem_used", 0, "mem_used_max", "same_pages", 0, "huge_pages" };
	for (int i = 0; i < 8; i++)
		if (f[i]) {
			snprintf(name, sizeof name, "%s_zram_%s", tag, f[i]);
			value(name, (double)v[i], i == 5 || i == 7 ? "pages" : "bytes");
		}
	if (v[2]) {
		snprintf(name, sizeof name, "%s_zram_ratio_used", tag);
		value(name, (double)v[0] / (double)v[2], "orig/mem_used");
		snprintf(name, sizeof name, "%s_zram_ratio_compr", tag);
		value(name, (double)v[0] / (double)v[1], "orig/compr");
	}
	return v[2];
}
static void swap_on(long bytes)
{
	char b[64];
	static char page[65536];

	static const char *const mods[] = { "lz4_compress", "lz4hc_compress", "lz4", "zsmalloc", "zram" };
	load_modules(mods, sizeof mods / sizeof *mods);
	if (spit("/sys/block/zram0/comp_algorithm", "lz4"))
		die("comp_algorithm");
	info_file("zram_comp_algorithm", "/sys/block/zram0/comp_algorithm");
	snprintf(b, sizeof b, "%ld", bytes);
	if (spit("/sys/block/zram0/disksize", b))
		die("disksize");
	/* swap header version 1: what mkswap writes */
	memset(page, 0, sizeof page);
	uint32_t *h = (uint32_t *)(page + 1024);
	h[0] = 1;
	h[1] = (uint32_t)((size_t)bytes / PG - 1);
	memcpy(page + PG - 10, "SWAPSPACE2", 10);
	int fd = open("/dev/zram0", O_RDWR);
	if (fd < 0 || write(fd, page, PG) != (ssize_t)PG)
		die("zram0 write");
	fsync(fd);
	close(fd);
	if (swapon("/dev/zram0", 0))
		die("swapon");
	spit("/proc/sys/vm/overcommit_memory", "1");
}
/* empties the device: freed slots are given back lazily otherwise */
static void swap_cycle(void)
{
	if (swapoff("/dev/zram0") || swapon("/dev/zram0", 0))
		die("swapoff/swapon");
}
static void fill(char *p, size_t len, enum gen_kind k)
{
	for (size_t u = 0; u < len / GEN_UNIT; u++)
		gen_fill((uint8_t *)p + u * GEN_UNIT, k, u);
}
static size_t resident(char *p, size_t len)
{
	static unsigned char v[65536];
	size_t n = len / PG, c = 0;

	for (size_t o = 0; o < n; o += sizeof v) {
		size_t m = n - o < sizeof v ? n - o : sizeof v;
		if (mincore(p + o * PG, m * PG, v))
			die("mincore");
		for (size_t i = 0; i < m; i++)
			c += v[i] & 1;
	}
	return c;
}

/* a: pages pushed out on request, then touched again */
static void swap_controlled(void)
{
	const size_t units = 768, len = units * GEN_UNIT;       /* 12 MiB, a multiple of 3 units */
	char name[64];

	for (int k = 0; k < 4; k++) {
		double out = 0, in = 0, inw = 0;
		size_t gone = 0;
		int bad = 0;
		const int reps = 2;

		for (int rep = -1; rep < reps; rep++) {
			if (rep <= 0)
				swap_cycle();
			char *p = arena(len);
			fill(p, len, (enum gen_kind)k);
			uint64_t a = now();
			r_madvise(p, len, MADV_PAGEOUT);
			uint64_t b = now();
			gone = len / PG - resident(p, len);
			if (rep >= 0 && gone)
				out += diff(a, b) / (double)gone / reps;
			if (rep == 0) {
				snprintf(name, sizeof name, "swap_%s", kind_name[k]);
				long used = zram_stat(name);
				/* zero pages may not reach the device at all (6.12): all that went out */
				strcat(name, "_ratio_effective");
				if (used > 0)
					value(name, (double)(gone * PG) / (double)used, "swapped_out/mem_used");
			}
			a = now();
			touch_r(p, len);
			b = now();
			if (rep >= 0 && gone)
				in += diff(a, b) / (double)gone / reps;
			/* every 8th unit against a fresh copy */
			static uint8_t ref[GEN_UNIT];
			for (size_t u = 0; u < units; u += 8) {
				gen_fill(ref, (enum gen_kind)k, u);
				bad |= memcmp(ref, p + u * GEN_UNIT, GEN_UNIT) != 0;
			}
			/* out again (clean copies may still be in the device), in by a write */
			r_madvise(p, len, MADV_PAGEOUT);
			a = now();
			touch_w(p, len);
			b = now();
			if (rep >= 0)
				inw += diff(a, b) / (double)(len / PG) / reps;
			r_munmap(p, len);
		}
		snprintf(name, sizeof name, "swap_%s_out", kind_name[k]);
		bench(name, out, "page");
		snprintf(name, sizeof name, "swap_%s_in_read", kind_name[k]);
		bench(name, in, "page");
		snprintf(name, sizeof name, "swap_%s_in_write", kind_name[k]);
		bench(name, inw, "page");
		snprintf(name, sizeof name, "swap_%s_pages", kind_name[k]);
		value(name, (double)gone, "pages");
		if (bad)
			say("info FAIL swap_%s data differs\n", kind_name[k]);
		settle();
	}
}

struct ws { double fill, pass[2]; long out[3], in[3]; int bad, done; char mm[128]; };

/* a child fills `mib` MiB, then reads all of it twice, in order */
static int ws_try(enum gen_kind k, long mib, struct ws *s)
{
	memset(s, 0, sizeof *s);
	flush();
	long pid = r_fork();
	if (!pid) {
		size_t len = (size_t)mib * MIB;
		spit("/proc/self/oom_score_adj", "1000");
		char *p = arena(len);
		uint64_t sum = 0, got, a, b;
		long o0 = vmstat("pswpout "), i0 = vmstat("pswpin ");
		static uint8_t ref[GEN_UNIT];

		a = now();
		for (size_t u = 0; u < len / GEN_UNIT; u++) {
			char *q = p + u * GEN_UNIT;
			gen_fill((uint8_t *)q, k, u);
			for (size_t o = 0; o < GEN_UNIT; o += 4096)
				sum += *(uint64_t *)(q + o + 1024) * (u + 1);
		}
		b = now();
		s->fill = diff(a, b);
		s->out[0] = vmstat("pswpout ") - o0;
		s->in[0] = vmstat("pswpin ") - i0;
		slurp("/sys/block/zram0/mm_stat", s->mm, sizeof s->mm);
		for (int r = 0; r < 2; r++) {
			o0 = vmstat("pswpout ");
			i0 = vmstat("pswpin ");
			got = 0;
			a = now();
			for (size_t u = 0; u < len / GEN_UNIT; u++)
				for (size_t o = 0; o < GEN_UNIT; o += 4096)
					got += *(uint64_t *)(p + u * GEN_UNIT + o + 1024) * (u + 1);
			b = now();
			s->pass[r] = diff(a, b);
			s->out[r + 1] = vmstat("pswpout ") - o0;
			s->in[r + 1] = vmstat("pswpin ") - i0;
			if (got != sum)
				s->bad = 1;
		}
		for (size_t u = 0; u < len / GEN_UNIT; u += 16) {
			gen_fill(ref, k, u);
			if (memcmp(ref, p + u * GEN_UNIT, GEN_UNIT))
				s->bad = 1;
		}
		s->done = 1;
		r_exit(0);
	}
	/* at most 120 s of guest time */
	sigset_t set;
	siginfo_t si;
	struct timespec t = { 120, 0 };
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	int st = 0, late = 0;
	if (sigtimedwait(&set, &si, &t) < 0) {
		late = 1;
		kill((pid_t)pid, SIGKILL);
	}
	waitpid((pid_t)pid, &st, 0);
	struct timespec z = { 0, 0 };
	while (sigtimedwait(&set, &si, &z) > 0)
		;
	struct timespec rest = { 0, 200 * 1000 * 1000 };
	nanosleep(&rest, 0);
	if (late)
		say("info ws_late %s %ld MiB\n", kind_name[k], mib);
	return s->done && !s->bad && WIFEXITED(st) && !WEXITSTATUS(st);
}
/* what filling costs with no memory pressure: one unit, over and over */
static double gen_baseline(enum gen_kind k)
{
	static uint8_t u0[GEN_UNIT];
	gen_fill(u0, k, 0);
	uint64_t a = now();
	for (unsigned u = 0; u < 96; u++)
		gen_fill(u0, k, u);
	uint64_t b = now();
	return diff(a, b) / 96;         /* per unit */
}
static void ws_report(const char *tag, enum gen_kind k, long mib, struct ws *s)
{
	double pages = (double)mib * MIB / (double)PG, base = gen_baseline(k) * (double)mib * 64;

	say("info %s %s %ld MiB: ok=%d fill: out %ld in %ld; pass1: out %ld in %ld; pass2: out %ld in %ld; mm_stat %s",
	    tag, kind_name[k], mib, s->done && !s->bad, s->out[0], s->in[0], s->out[1], s->in[1],
	    s->out[2], s->in[2], s->mm[0] ? s->mm : "-\n");
	if (!s->done)
		return;
	char name[80];
	snprintf(name, sizeof name, "%s_%s_fill_net", tag, kind_name[k]);
	bench(name, (s->fill - base) / pages, "page");
	snprintf(name, sizeof name, "%s_%s_pass1", tag, kind_name[k]);
	bench(name, s->pass[0] / pages, "page");
	snprintf(name, sizeof name, "%s_%s_pass2", tag, kind_name[k]);
	bench(name, s->pass[1] / pages, "page");
}
static long ws_limit;

static void t_zram(int search)
{
	static struct ws *s;
	sigset_t set;
	char name[64];

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, 0);
	gen_init();
	s = mmap(0, sizeof *s, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long total = meminfo("MemTotal:"), avail0 = meminfo("MemAvailable:"), free0 = meminfo("MemFree:");
	value("mem_total", (double)total, "KiB");
	value("mem_free_at_init", (double)free0, "KiB");
	value("mem_available_at_init", (double)avail0, "KiB");
	if (search) {
		long lo = 0, hi = ws_limit / 2;
		while (hi - lo > 1) {
			long m = (lo + hi) / 2;
			if (ws_try(GEN_ZERO, m * 2, s))
				lo = m;
			else
				hi = m;
		}
		value("ws_max_noswap", (double)lo * 2, "MiB");
		flush();
	}
	swap_on((ws_limit ? ws_limit : 384) * (long)MIB);
	long avail = meminfo("MemAvailable:"), freek = meminfo("MemFree:");
	value("mem_free_zram_on", (double)freek, "KiB");
	value("mem_available_zram_on", (double)avail, "KiB");
	flush();
	if (!search) {
		swap_controlled();
		/* working set of 2, 1.75, 1.5, 1.25 x free memory */
		for (int k = GEN_TEXT; k <= GEN_MIX; k += 2)
			for (int q = 8; q >= 5; q--) {
				long mib = freek / 1024 * q / 4;
				int ok = ws_try((enum gen_kind)k, mib, s);
				snprintf(name, sizeof name, "ws_%s_%d.%02dxfree_fits", kind_name[k], q / 4, q % 4 * 25);
				value(name, ok, "bool");
				snprintf(name, sizeof name, "ws%d.%02d", q / 4, q % 4 * 25);
				ws_report(name, (enum gen_kind)k, mib, s);
				if (ok)
					break;
			}
		return;
	}
	for (int k = GEN_TEXT; k <= GEN_MIX; k += 2) {
		long lo = 0, hi = ws_limit / 2;         /* in steps of 2 MiB */
		while (hi - lo > 1) {
			long m = (lo + hi) / 2;
			int ok = ws_try((enum gen_kind)k, m * 2, s);
			say("info ws_probe %s %ld MiB %s\n", kind_name[k], m * 2, ok ? "fits" : "no");
			flush();
			if (ok)
				lo = m;
			else
				hi = m;
		}
		if (lo) {
			int ok = ws_try((enum gen_kind)k, lo * 2, s);
			snprintf(name, sizeof name, "ws_max_%s_again", kind_name[k]);
			value(name, ok, "bool");
			ws_report("wsmax", (enum gen_kind)k, lo * 2, s);
		}
		snprintf(name, sizeof name, "ws_max_%s", kind_name[k]);
		value(name, (double)lo * 2, "MiB");
		flush();
	}
}

/* ---- main ---- */
static char cmdline[4096];

static const char *option(const char *key)
{
	static char v[256];
	size_t n = strlen(key);
	for (char *p = cmdline; (p = strstr(p, key)); p += n)
		if (p == cmdline || p[-1] == ' ') {
			size_t m = strcspn(p + n, " \n");
			if (m >= sizeof v)
				m = sizeof v - 1;
			memcpy(v, p + n, m);
			v[m] = 0;
			return v;
		}
	return 0;
}
static char tests[256];
static int want(const char *t)
{
	size_t n = strlen(t);
	for (char *p = tests; (p = strstr(p, t)); p += n)
		if ((p == tests || p[-1] == ',') && (!p[n] || p[n] == ','))
			return 1;
	return 0;
}

int main(void)
{
	uint64_t boot = counter();
	const char *o;

	counter_init();
	PG = (size_t)sysconf(_SC_PAGESIZE);
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, 0);
	mount("sysfs", "/sys", "sysfs", 0, 0);
	mount("devtmpfs", "/dev", "devtmpfs", 0, 0);
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, 0);
	int fd = open("/dev/console", O_RDWR);
	if (fd >= 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		if (fd > 2)
			close(fd);
	}
	slurp("/proc/cmdline", cmdline, sizeof cmdline);
	o = option("lp.clock=");
	wall = o && !strcmp(o, "wall");
	o = option("lp.tests=");
	snprintf(tests, sizeof tests, "%s", o ? o : "calib,null,anon,mmap,mprotect,fork,forklater,cow,file,regions,ctx");
	o = option("lp.wslimit=");
	ws_limit = o ? atol(o) : 0;

	say("\ninfo begin linux-peer 1\n");
	say("info clock %s\n", wall ? "wall" : "icount");
	if (!wall)
		bench("boot_to_init", (double)boot * counter_ns, "boot");
	value("page_size", (double)PG, "bytes");
	value("mem_total_boot", (double)meminfo("MemTotal:"), "KiB");
	value("mem_free_boot", (double)meminfo("MemFree:"), "KiB");
	info_file("version", "/proc/version");
	info_file("cmdline", "/proc/cmdline");
	info_file("clocksource", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	o = option("lp.thp=");          /* guests under 512 MiB ignore the boot option */
	if (o)
		spit("/sys/kernel/mm/transparent_hugepage/enabled", o);
	info_file("thp", "/sys/kernel/mm/transparent_hugepage/enabled");
	info_file("uptime", "/proc/uptime");
	if (want("env")) {
		static const char *v[] = { "meltdown", "spectre_v1", "spectre_v2", "spec_store_bypass",
			"retbleed", "mds", "l1tf", "srso", "itlb_multihit" };
		char path[96];
		for (unsigned i = 0; i < sizeof v / sizeof *v; i++) {
			snprintf(path, sizeof path, "/sys/devices/system/cpu/vulnerabilities/%s", v[i]);
			info_file(v[i], path);
		}
		info_file("cpuinfo", "/proc/cpuinfo");
		info_file("meminfo", "/proc/meminfo");
	}
	flush();
	/* let what the kernel deferred at boot finish: two seconds */
	if (!want("off")) {
		struct timespec two = { 2, 0 };
		nanosleep(&two, 0);
	}
	pair_cost = 0;
	for (int i = 0; i < 4; i++) {
		uint64_t a = now(), b = now();
		if (!i || diff(a, b) < pair_cost)
			pair_cost = diff(a, b);
	}

	static const struct { const char *name; void (*f)(void); } t[] = {
		{ "calib", t_calib }, { "null", t_null }, { "anon", t_anon }, { "mthp", t_mthp },
		{ "mmap", t_mmap }, { "mprotect", t_mprotect }, { "fork", t_fork }, { "forklater", t_forklater }, { "cow", t_cow },
		{ "file", t_file }, { "regions", t_regions }, { "ctx", t_ctx },
	};
	for (unsigned i = 0; i < sizeof t / sizeof *t; i++)
		if (want(t[i].name)) {
			settle();
			t[i].f();
			flush();
		}
	if (want("disk")) {
		settle();
		t_disk_linux();
		flush();
	}
	if (want("zram")) {
		settle();
		t_zram(0);
		flush();
	}
	if (want("wsmax")) {
		settle();
		t_zram(1);
		flush();
	}
	if (!want("off"))
		info_file("clocksource_end", "/sys/devices/system/clocksource/clocksource0/current_clocksource");
	info_file("uptime_end", "/proc/uptime");
	if (!wall)
		value("clock_at_end", (double)counter() * counter_ns, "ns");
	say("info end\n");
	flush();
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
