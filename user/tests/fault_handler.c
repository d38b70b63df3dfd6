/* A program catches its own fault, mends the mapping, and the access goes on as if nothing had been. */
#include "test.h"
#include <setjmp.h>

static char *page_of_interest;
static volatile int caught;
static volatile int code;
static void *volatile where;
static sigjmp_buf back;

static void mend(int signal, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	(void)signal;
	caught++;
	where = info->si_addr;
	code = info->si_code;
	CHECK(c->uc_mcontext != NULL);
	CHECK_EQ(mprotect(page_of_interest, getpagesize(), PROT_READ | PROT_WRITE), 0);
}

static void jump(int signal)
{
	(void)signal;
	caught++;
	siglongjmp(back, 5);
}

int main(void)
{
	size_t page = getpagesize();
	struct sigaction action = { .sa_flags = SA_SIGINFO }, old;
	action.sa_sigaction = mend;
	CHECK_EQ(sigaction(SIGSEGV, &action, &old), 0);
	CHECK(old.sa_handler == SIG_DFL);
	CHECK_EQ(sigaction(SIGBUS, &action, NULL), 0);
	CHECK_EQ(sigaction(SIGSEGV, NULL, &old), 0);
	CHECK(old.sa_sigaction == mend && old.sa_flags == SA_SIGINFO);

	page_of_interest = pages(1);
	page_of_interest[100] = 'x';
	for (int round = 1; round <= 100; round++) {
		CHECK_EQ(mprotect(page_of_interest, page, round % 2 ? PROT_NONE : PROT_READ), 0);
		/* Values that must survive the handler, in many registers at once. */
		uint64_t a = round, b = a * 3, c = b * 5, d = c * 7, e = d * 11, f = e * 13;
		double x = round * 0.5, y = x * 0.25;
		page_of_interest[100 + round] = (char)round;
		CHECK_EQ(caught, round);
		CHECK(where == page_of_interest + 100 + round);
		CHECK_EQ(code, SEGV_ACCERR);
		CHECK_EQ(a + b + c + d + e + f, round * (1 + 3 + 15 + 105 + 1155 + 15015ll));
		CHECK(x + y == round * 0.625);
		CHECK_EQ(page_of_interest[100 + round], (char)round);
	}
	CHECK_EQ(page_of_interest[100], 'x');

	/* Out of the handler by a jump, with the mask put back: it works again and again. */
	action.sa_handler = jump;
	action.sa_flags = 0;
	CHECK_EQ(sigaction(SIGSEGV, &action, NULL), 0);
	CHECK_EQ(sigaction(SIGBUS, &action, NULL), 0);
	for (int round = 0; round < 10; round++) {
		caught = 0;
		if (sigsetjmp(back, 1) == 0) {
			*(volatile int *)8 = 1;
			CHECK(!"not reached");
		}
		CHECK_EQ(caught, 1);
	}
	return 0;
}
