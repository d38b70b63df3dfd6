/* Floating-point and SIMD registers belong to a process: switches, signals and fork keep them. */
#include "test.h"

typedef uint64_t vector __attribute__((vector_size(16)));

static volatile int interrupted;

static void disturb(int signal)
{
	volatile double x = 1.0;
	(void)signal;
	for (int i = 0; i < 50; i++)
		x = x * 1.5 + 0.25;
	interrupted++;
}

/* Keeps sixteen vectors in registers over a loop of calls; answers whether they came back. */
__attribute__((noinline)) static int hold(uint64_t seed, int rounds)
{
	vector v[16], w[16];
	for (int i = 0; i < 16; i++)
		v[i] = (vector){ seed * 0x9e3779b97f4a7c15ull + (uint64_t)i, ~seed ^ (uint64_t)i << 32 };
	for (int round = 0; round < rounds; round++) {
#if defined(__x86_64__)
		__asm__ volatile("movdqu 0(%0), %%xmm0\n\tmovdqu 16(%0), %%xmm1\n\tmovdqu 32(%0), %%xmm2\n\tmovdqu 48(%0), %%xmm3\n\t"
				 "movdqu 64(%0), %%xmm4\n\tmovdqu 80(%0), %%xmm5\n\tmovdqu 96(%0), %%xmm6\n\tmovdqu 112(%0), %%xmm7\n\t"
				 "movdqu 128(%0), %%xmm8\n\tmovdqu 144(%0), %%xmm9\n\tmovdqu 160(%0), %%xmm10\n\tmovdqu 176(%0), %%xmm11\n\t"
				 "movdqu 192(%0), %%xmm12\n\tmovdqu 208(%0), %%xmm13\n\tmovdqu 224(%0), %%xmm14\n\tmovdqu 240(%0), %%xmm15\n\t"
				 "mov $20000, %%ecx\n1:\tdec %%ecx\n\tjnz 1b\n\t"
				 "mov $0x2000027, %%eax\n\tpush %0\n\tpush %1\n\tsyscall\n\tpop %1\n\tpop %0\n\t"
				 "movdqu %%xmm0, 0(%1)\n\tmovdqu %%xmm1, 16(%1)\n\tmovdqu %%xmm2, 32(%1)\n\tmovdqu %%xmm3, 48(%1)\n\t"
				 "movdqu %%xmm4, 64(%1)\n\tmovdqu %%xmm5, 80(%1)\n\tmovdqu %%xmm6, 96(%1)\n\tmovdqu %%xmm7, 112(%1)\n\t"
				 "movdqu %%xmm8, 128(%1)\n\tmovdqu %%xmm9, 144(%1)\n\tmovdqu %%xmm10, 160(%1)\n\tmovdqu %%xmm11, 176(%1)\n\t"
				 "movdqu %%xmm12, 192(%1)\n\tmovdqu %%xmm13, 208(%1)\n\tmovdqu %%xmm14, 224(%1)\n\tmovdqu %%xmm15, 240(%1)"
				 :
				 : "r"(v), "r"(w)
				 : "memory", "rax", "rcx", "rdx", "r11", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
				   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
#else
		__asm__ volatile("ldp q0, q1, [%0]\n\tldp q2, q3, [%0, #32]\n\tldp q4, q5, [%0, #64]\n\tldp q6, q7, [%0, #96]\n\t"
				 "ldp q16, q17, [%0, #128]\n\tldp q18, q19, [%0, #160]\n\tldp q28, q29, [%0, #192]\n\tldp q30, q31, [%0, #224]\n\t"
				 "mov w9, #20000\n1:\tsubs w9, w9, #1\n\tb.ne 1b\n\t"
				 "mov x16, #39\n\tsvc #0x80\n\t"
				 "stp q0, q1, [%1]\n\tstp q2, q3, [%1, #32]\n\tstp q4, q5, [%1, #64]\n\tstp q6, q7, [%1, #96]\n\t"
				 "stp q16, q17, [%1, #128]\n\tstp q18, q19, [%1, #160]\n\tstp q28, q29, [%1, #192]\n\tstp q30, q31, [%1, #224]"
				 :
				 : "r"(v), "r"(w)
				 : "memory", "x0", "x1", "x9", "x16", "cc", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v16", "v17",
				   "v18", "v19", "v28", "v29", "v30", "v31");
#endif
		if (memcmp(v, w, sizeof v) != 0)
			return 0;
	}
	return 1;
}

int main(void)
{
	pid_t pids[4];
	struct sigaction action = { .sa_flags = SA_RESTART };
	action.sa_handler = disturb;
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	for (int i = 0; i < 4; i++) {
		pids[i] = fork();
		CHECK(pids[i] >= 0);
		if (pids[i] == 0)
			_exit(hold((uint64_t)i + 1, 300) ? 0 : 1);
	}
	/* Signals come in the middle of the children's loops. */
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 4; i++)
			kill(pids[i], SIGUSR1);
		usleep(5000);
	}
	CHECK(hold(99, 100));
	for (int i = 0; i < 4; i++) {
		int status;
		CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
		CHECK_EQ(status, 0);
	}
	double x = 0.1, y = 0.2;
	if (fork() == 0)
		_exit(x + y == 0.1 + 0.2 ? 0 : 1);
	int status;
	CHECK(wait(&status) > 0);
	CHECK_EQ(status, 0);
	return 0;
}
