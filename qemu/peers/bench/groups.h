/*
 * groups.h -- the benchmarks that every kernel runs, one function a group.
 *
 * The same source on both sides: a layer (layer-linux.h, layer-darwin.h) gives the
 * raw system calls under the names r_*, the clock and what the kernel counts.
 * Definitions of each figure: ../linux/README.md.
 */
#ifndef BENCH_GROUPS_H
#define BENCH_GROUPS_H

#define ARENA   ((char *)0x200000000000ul)      /* far from everything else */
#define RW      (PROT_READ | PROT_WRITE)
#define ANON    (MAP_PRIVATE | MAP_ANON)

static char *arena(size_t len)
{
	char *p = r_mmap(ARENA, len, RW, ANON | MAP_FIXED, -1, 0);
	if (is_err(p))
		die("arena mmap");
	return p;
}
static inline void touch_w(char *p, size_t len)
{
	for (size_t o = 0; o < len; o += PG)
		*(volatile char *)(p + o) = 1;
}
static inline void touch_r(char *p, size_t len)
{
	for (size_t o = 0; o < len; o += PG)
		(void)*(volatile char *)(p + o);
}

/* ---- 0: what one "instruction" is on this machine ---- */
static void t_calib(void)
{
	uint64_t a, b;
	long n;
	static char buf[65536] __attribute__((aligned(4096)));
	char *d = buf, *s = buf + 32768;

	memset(buf, 1, sizeof buf);
	a = now(); b = now();
	a = now(); b = now();
	bench("calib_now_pair", diff(a, b), "op");
	n = 1000000;
	a = now();
#if defined(__x86_64__)
	__asm__ volatile("1: sub $1,%0; jnz 1b" : "+r"(n) : : "cc");
#else
	__asm__ volatile("1: subs %0,%0,#1; b.ne 1b" : "+r"(n) : : "cc");
#endif
	b = now();
	bench("calib_2insn_loop", diff(a, b) / 1e6, "iteration");
#if defined(__x86_64__)
	for (int rep = 0; rep < 2; rep++) {
		void *dd; const void *ss; unsigned long c; uint64_t t[5];
		t[0] = now();
		dd = d; c = 4096;
		__asm__ volatile("rep stosb" : "+D"(dd), "+c"(c) : "a"(0) : "memory");
		t[1] = now();
		dd = d; c = 512;
		__asm__ volatile("rep stosq" : "+D"(dd), "+c"(c) : "a"(0) : "memory");
		t[2] = now();
		dd = d; ss = s; c = 4096;
		__asm__ volatile("rep movsb" : "+D"(dd), "+S"(ss), "+c"(c) : : "memory");
		t[3] = now();
		dd = d; ss = s; c = 512;
		__asm__ volatile("rep movsq" : "+D"(dd), "+S"(ss), "+c"(c) : : "memory");
		t[4] = now();
		if (!rep)
			continue;
		bench("calib_rep_stosb_4096", diff(t[0], t[1]), "4KiB");
		bench("calib_rep_stosq_512", diff(t[1], t[2]), "4KiB");
		bench("calib_rep_movsb_4096", diff(t[2], t[3]), "4KiB");
		bench("calib_rep_movsq_512", diff(t[3], t[4]), "4KiB");
	}
#else
	{
		uint64_t zid;
		__asm__ volatile("mrs %0, dczid_el0" : "=r"(zid));
		value("calib_dczva_bytes", (double)(4u << (zid & 15)), "bytes");
	}
#endif
	a = now();
	memset(d, 0, 16384);
	b = now();
	bench("calib_libc_memset_16k", diff(a, b), "16KiB");
	a = now();
	memcpy(d, s, 16384);
	b = now();
	bench("calib_libc_memcpy_16k", diff(a, b), "16KiB");
}

/* ---- 1 ---- */
static void t_null(void)
{
	const long n = 100000;
	uint64_t a = now();
	for (long i = 0; i < n; i++)
		r_getppid();
	uint64_t b = now();
	bench("null_syscall", diff(a, b) / n, "op");
}

/* ---- 2, 3 ---- */
static void t_anon(void)
{
	const size_t len = 64 * MIB;
	const double pages = (double)(len / PG);
	double w = 0, u = 0, w1 = 0;
#ifdef POPULATE
	double pop = 0;
#endif
	uint64_t a, b;
	long f0, f1;

	for (int rep = 0; rep < 4; rep++) {
		char *p = arena(len);
		f0 = task_faults();
		a = now();
		touch_w(p, len);
		b = now();
		f1 = task_faults();
		if (rep == 0) {
			w1 = diff(a, b);
			value("anon_write_faults", (double)(f1 - f0), "faults");
		} else
			w += diff(a, b) / 3;
		a = now();
		r_munmap(p, len);
		b = now();
		u += diff(a, b) / 4;
	}
	bench("anon_write_first", w1 / pages, "page");
	bench("anon_write", w / pages, "page");
	bench("anon_write_kib", w / (len / 1024), "KiB");
	bench("anon_munmap", u / pages, "page");
#ifdef POPULATE
	for (int rep = 0; rep < 2; rep++) {
		a = now();
		char *p = r_mmap(ARENA, len, RW, ANON | MAP_FIXED | POPULATE, -1, 0);
		b = now();
		pop = diff(a, b);
		r_munmap(p, len);
	}
	bench("anon_populate", pop / pages, "page");
#endif
	/* read fault (zero page), then write to it */
	w = u = 0;
	for (int rep = 0; rep < 3; rep++) {
		char *p = arena(len);
		f0 = task_faults();
		a = now();
		touch_r(p, len);
		b = now();
		f1 = task_faults();
		if (rep)
			w += diff(a, b) / 2;
		a = now();
		touch_w(p, len);
		b = now();
		if (rep)
			u += diff(a, b) / 2;
		r_munmap(p, len);
	}
	value("anon_read_faults", (double)(f1 - f0), "faults");
	bench("anon_read", w / pages, "page");
	bench("anon_write_after_read", u / pages, "page");
}

/* ---- 4 ---- */
static void t_mmap(void)
{
	static const struct { const char *name; size_t len; int touch; long n; } c[] = {
		{ "mmap_munmap_1page", 0, 0, 20000 },
		{ "mmap_munmap_1MiB", MIB, 0, 20000 },
		{ "mmap_touch_munmap_1page", 0, 1, 5000 },
		{ "mmap_touch_munmap_1MiB", MIB, 1, 100 },
	};
	char name[64];

	for (unsigned k = 0; k < 4; k++) {
		size_t len = c[k].len ? c[k].len : PG;
		uint64_t a = 0, b;
		for (int rep = 0; rep < 2; rep++) {     /* first round warms up */
			a = now();
			for (long i = 0; i < c[k].n; i++) {
				char *p = r_mmap(0, len, RW, ANON, -1, 0);
				if (c[k].touch)
					touch_w(p, len);
				r_munmap(p, len);
			}
			b = now();
			if (!rep)
				continue;
			bench(c[k].name, diff(a, b) / c[k].n, "op");
			if (c[k].touch && len > PG) {
				snprintf(name, sizeof name, "%s_perpage", c[k].name);
				bench(name, diff(a, b) / c[k].n / (double)(len / PG), "page");
			}
		}
	}
}

/* ---- 5 ---- */
static void t_mprotect(void)
{
	const long n = 10000;
	const size_t len = 64 * PG;
	uint64_t a, b;
	char *p = arena(len), *m = p + 32 * PG;

	touch_w(p, len);
	/* middle page of a 64-page region: every pair splits and merges again */
	for (int rep = 0; rep < 2; rep++) {
		a = now();
		for (long i = 0; i < n; i++) {
			r_mprotect(m, PG, PROT_READ);
			r_mprotect(m, PG, RW);
		}
		b = now();
	}
	bench("mprotect_split_merge", diff(a, b) / (2 * n), "call");
	/* the same with a write after it is writable again */
	a = now();
	for (long i = 0; i < n; i++) {
		r_mprotect(m, PG, PROT_READ);
		r_mprotect(m, PG, RW);
		*(volatile char *)m = 2;
	}
	b = now();
	bench("mprotect_split_merge_touch", diff(a, b) / n, "pair+write");
	/* region boundaries stay: neighbours have another protection already */
	r_mprotect(p, 32 * PG, PROT_READ | PROT_EXEC);
	r_mprotect(m + PG, len - 33 * PG, PROT_READ | PROT_EXEC);
	a = now();
	for (long i = 0; i < n; i++) {
		r_mprotect(m, PG, PROT_READ);
		r_mprotect(m, PG, RW);
	}
	b = now();
	bench("mprotect_whole_region", diff(a, b) / (2 * n), "call");
	r_munmap(p, len);
}

/* ---- 6 ---- */
static void t_fork(void)
{
	static const int mib[] = { 0, 1, 16, 64 };
	double tot[4];
	char name[64];

	for (unsigned k = 0; k < 4; k++) {
		size_t len = (size_t)mib[k] * MIB;
		int n = mib[k] <= 1 ? 200 : mib[k] == 16 ? 20 : 8;
		char *p = len ? arena(len) : 0;
		double t = 0, f = 0;

		for (int i = -1; i < n; i++) {
			if (p)
				touch_w(p, len);        /* writable again before each fork */
			uint64_t a = now();
			long pid = r_fork();
			if (!pid)
				r_exit(0);
			uint64_t m = now();
			r_wait(pid, 0);
			uint64_t b = now();
			if (i < 0)
				continue;
			f += diff(a, m) / n;
			t += diff(a, b) / n;
		}
		tot[k] = t;
		snprintf(name, sizeof name, "fork_exit_wait_%dMiB", mib[k]);
		bench(name, t, "op");
		snprintf(name, sizeof name, "fork_call_%dMiB", mib[k]);
		bench(name, f, "op");
		if (p)
			r_munmap(p, len);
	}
	bench("fork_exit_wait_slope_1_16", (tot[2] - tot[1]) / (15.0 * MIB / PG), "page");
	bench("fork_exit_wait_slope_16_64", (tot[3] - tot[2]) / (48.0 * MIB / PG), "page");
	bench("fork_exit_wait_64MiB_perpage", tot[3] / (64.0 * MIB / PG), "page");
}

/* ---- 6b: what a fork that only defers its work pays later ---- */
static void t_forklater(void)
{
	static const struct { const char *name; int child; int parent; } c[] = {
		{ "fork_child_reads_16MiB", 1, 0 },
		{ "fork_child_writes_16MiB", 2, 0 },
		{ "fork_parent_rewrites_16MiB", 0, 1 },
	};
	const size_t len = 16 * MIB;
	const int n = 8;
	char *p = arena(len), name[64];

	for (unsigned k = 0; k < 3; k++) {
		double t = 0;
		for (int i = -1; i < n; i++) {
			touch_w(p, len);
			uint64_t a = now();
			long pid = r_fork();
			if (!pid) {
				if (c[k].child == 1)
					touch_r(p, len);
				if (c[k].child == 2)
					touch_w(p, len);
				r_exit(0);
			}
			r_wait(pid, 0);
			if (c[k].parent)
				touch_w(p, len);
			uint64_t b = now();
			if (i >= 0)
				t += diff(a, b) / n;
		}
		bench(c[k].name, t, "op");
		snprintf(name, sizeof name, "%s_perpage", c[k].name);
		bench(name, t / (double)(len / PG), "page");
	}
	r_munmap(p, len);
}

/* ---- 7 ---- */
static void t_cow(void)
{
	const size_t len = 16 * MIB;
	const double pages = (double)(len / PG);
	double w = 0, r = 0;
	const int n = 4;
	char *p = arena(len);

	touch_w(p, len);
	for (int i = -1; i < n; i++) {
		int pp[2];
		char c;
		if (pipe(pp))
			die("pipe");
		long pid = r_fork();
		if (!pid) {
			close(pp[1]);
			r_read(pp[0], &c, 1);
			r_exit(0);
		}
		close(pp[0]);
		sched_yield();
		uint64_t a = now();
		touch_w(p, len);
		uint64_t b = now();
		if (i >= 0)
			w += diff(a, b) / n;
		close(pp[1]);
		r_wait(pid, 0);
		/* child gone before the parent writes: no copy is needed */
		pid = r_fork();
		if (!pid)
			r_exit(0);
		r_wait(pid, 0);
		a = now();
		touch_w(p, len);
		b = now();
		if (i >= 0)
			r += diff(a, b) / n;
	}
	bench("cow_write_copy", w / pages, "page");
	bench("cow_write_last_owner", r / pages, "page");
	r_munmap(p, len);
}

/* ---- 9 ---- */
static void t_regions(void)
{
	static const long cnt[] = { 10, 100, 1000, 10000, 60000 };
	static uint32_t order[32768];
	char name[64];

	for (unsigned k = 0; k < 5; k++) {
		long n = cnt[k], half = n / 2, batch = half < 2000 ? half : 2000;
		int rounds = (int)(batch < 2000 ? 4000 / batch : 4);
		uint64_t a, b, rng = 0x1234567ull;
		double cold = 0, warm = 0;

		settle();
		long bytes0 = map_bytes();
		a = now();
		for (long i = 0; i < n; i++) {
			void *p = r_mmap(ARENA + (size_t)i * PG, PG, i & 1 ? PROT_READ : RW,
					 ANON | MAP_FIXED | NORESERVE, -1, 0);
			if (is_err(p))
				die("regions mmap");
		}
		b = now();
		double create = diff(a, b) / (double)n;
		long bytes1 = map_bytes();
		for (int r = 0; r <= rounds; r++) {
			/* partial Fisher-Yates: `batch` distinct writable regions */
			for (long i = 0; i < half; i++)
				order[i] = (uint32_t)i;
			if (r <= 1)
				rng = 0x1234567ull;     /* round 1 repeats round 0: tables are there */
			for (long i = 0; i < batch; i++) {
				long j = i + (long)((gen_next(&rng) >> 32) % (uint64_t)(half - i));
				uint32_t t = order[i];
				order[i] = order[j];
				order[j] = t;
			}
			a = now();
			for (long i = 0; i < batch; i++)
				*(volatile char *)(ARENA + 2 * (size_t)order[i] * PG) = 1;
			b = now();
			double d = (diff(a, b) - pair_cost) / (double)batch;
			if (r == 0)
				cold = d;
			else
				warm += d / rounds;
			for (long i = 0; i < batch; i++)
				r_discard(ARENA + 2 * (size_t)order[i] * PG, PG);
		}
		/* replace random regions: unmap one and map it again */
		rng = 0x7654321ull;
		const long m = 2000;
		a = now();
		for (long i = 0; i < m; i++) {
			char *p = ARENA + 2 * (size_t)((gen_next(&rng) >> 32) % (uint64_t)half) * PG;
			r_munmap(p, PG);
			r_mmap(p, PG, RW, ANON | MAP_FIXED | NORESERVE, -1, 0);
		}
		b = now();
		double remap = diff(a, b) / (double)m;
		a = now();
		r_munmap(ARENA, (size_t)n * PG);
		b = now();
		snprintf(name, sizeof name, "regions_%ld_fault_cold", n);
		bench(name, cold, "fault");
		snprintf(name, sizeof name, "regions_%ld_fault", n);
		bench(name, warm, "fault");
		snprintf(name, sizeof name, "regions_%ld_create", n);
		bench(name, create, "region");
		snprintf(name, sizeof name, "regions_%ld_munmap_mmap", n);
		bench(name, remap, "op");
		snprintf(name, sizeof name, "regions_%ld_destroy", n);
		bench(name, diff(a, b) / (double)n, "region");
		snprintf(name, sizeof name, "regions_%ld_kernel_bytes", n);
		if (n >= 10000)
			value(name, (double)(bytes1 - bytes0) / (double)n, "bytes/region");
	}
}

/* ---- 10 ---- */
static void t_ctx(void)
{
	const long n = 20000;
	int p[2], q[2];
	char c = 0;

	if (pipe(p) || pipe(q))
		die("pipe");
	long pid = r_fork();
	if (!pid) {
		close(p[1]);
		close(q[0]);
		while (r_read(p[0], &c, 1) == 1)
			r_write(q[1], &c, 1);
		r_exit(0);
	}
	close(p[0]);
	close(q[1]);
	uint64_t a = 0, b = 0;
	for (int rep = 0; rep < 2; rep++) {
		a = now();
		for (long i = 0; i < n; i++) {
			r_write(p[1], &c, 1);
			r_read(q[0], &c, 1);
		}
		b = now();
	}
	bench("pipe_round_trip", diff(a, b) / n, "round-trip");
	close(p[1]);
	close(q[0]);
	r_wait(pid, 0);
	/* the same four calls without a switch: one process, one pipe */
	if (pipe(p))
		die("pipe");
	a = now();
	for (long i = 0; i < n; i++) {
		r_write(p[1], &c, 1);
		r_read(p[0], &c, 1);
		r_write(p[1], &c, 1);
		r_read(p[0], &c, 1);
	}
	b = now();
	bench("pipe_2write_2read_noswitch", diff(a, b) / n, "op");
	close(p[0]);
	close(p[1]);
}

#endif
