/*
 * bench.c -- the benchmarks on Vellum: `bench [GROUP…]`, all of them without arguments.
 *
 * Prints `bench NAME VALUE UNIT` lines; `cargo vellum bench` boots this under icount
 * and sets the figures beside those of Linux (../linux runs the same groups.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <mach/mach.h>
#include <vellum.h>
#include "gen.h"
#include "layer-darwin.h"
#include "output.h"

static size_t PG;

static void die(const char *what)
{
	say("info FAIL %s errno %d\n", what, errno);
	flush();
	exit(1);
}
static void settle(void) { flush(); }

/* all faults of the machine: nothing else runs */
static long task_faults(void)
{
	vm_statistics64_data_t s;
	mach_msg_type_number_t n = HOST_VM_INFO64_COUNT;
	return host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&s, &n) ? -1 : (long)s.faults;
}
/* bytes in live elements of the zones a mapping lives in */
static long map_bytes(void)
{
	static char names[128][80];
	static struct vellum_zone_info info[128];
	unsigned n = 128;
	long t = 0;

	if (vellum_zone_info(mach_host_self(), names[0], info, &n))
		return -1;
	for (unsigned i = 0; i < n; i++)
		if (!strncmp(names[i], "VM map", 6) || !strncmp(names[i], "vm objects", 10))
			t += (long)(info[i].count * info[i].elem_size);
	return t;
}

/* pages that all pagers read */
static long pages_in(void)
{
	vm_statistics64_data_t s;
	mach_msg_type_number_t n = HOST_VM_INFO64_COUNT;
	return host_statistics64(mach_host_self(), HOST_VM_INFO64, (host_info64_t)&s, &n) ? -1 : (long)s.pageins;
}
/* the disk that the host gives to the benchmarks */
static void r_mount(const char *on)
{
	static const char *device = "/dev/vd0";
	if ((mkdir(on, 0755) && errno != EEXIST) || mount("ext2", on, 0, &device))
		die("mount of /dev/vd0");
}
static void r_unmount(const char *on)
{
	if (unmount(on, 0))
		die("unmount");
}
static void r_remount(const char *on)
{
	r_unmount(on);
	r_mount(on);
}
/* the clock stands still while the machine waits for a disk: it counts what is executed */
static uint64_t disk_began;
static void disk_begin(void) { disk_began = now(); }
static void disk_end(const char *name, double n, const char *per) { bench(name, diff(disk_began, now()) / n, per); }

#include "groups.h"
#include "files.h"
#include "mach.h"

/* files that have no disk */
static void t_files(void) { cached_file("tmpfs", "/tmp/f", ""); t_disk(); }

int main(int argc, char **argv)
{
	static const struct { const char *name; void (*f)(void); } t[] = {
		{ "calib", t_calib }, { "null", t_null }, { "anon", t_anon }, { "mmap", t_mmap },
		{ "mprotect", t_mprotect }, { "fork", t_fork }, { "forklater", t_forklater },
		{ "cow", t_cow }, { "regions", t_regions }, { "ctx", t_ctx }, { "files", t_files },
		{ "mach_regions", t_mach_regions }, { "mach_remap", t_mach_remap },
		{ "mach_copy", t_mach_copy }, { "mach_entry", t_mach_entry },
	};
	uint64_t boot = counter();
	int known = 0;

	counter_init();
	PG = (size_t)sysconf(_SC_PAGESIZE);
	bench("boot_to_init", (double)boot * counter_ns, "boot");
	value("page_size", (double)PG, "bytes");
	for (int i = 0; i < 4; i++) {
		uint64_t a = now(), b = now();
		if (!i || diff(a, b) < pair_cost)
			pair_cost = diff(a, b);
	}
	for (unsigned i = 0; i < sizeof t / sizeof *t; i++) {
		int wanted = argc < 2;
		for (int a = 1; a < argc; a++)
			wanted |= !strcmp(argv[a], t[i].name);
		if (!wanted)
			continue;
		known++;
		settle();
		t[i].f();
		flush();
	}
	if (!known) {
		fprintf(stderr, "bench: no such group; groups: ");
		for (unsigned i = 0; i < sizeof t / sizeof *t; i++)
			fprintf(stderr, "%s%s", i ? " " : "", t[i].name);
		fprintf(stderr, "\n");
		return 64;
	}
	return 0;
}
