/* Signals: masks, pending ones, handlers that nest, the alternate stack, SIGCHLD, ignoring. */
#include "test.h"

static volatile int count, depth, deepest;
static volatile pid_t sender;
static char alternate[SIGSTKSZ] __attribute__((aligned(16)));
static volatile int on_alternate;

static void tick(int signal) { (void)signal; count++; }

static void nest(int signal)
{
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (signal == SIGUSR1)
		raise(SIGUSR2);
	depth--;
	count++;
}

static void with_info(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)context;
	sender = info->si_pid;
}

static void look(int signal)
{
	char here;
	(void)signal;
	on_alternate = &here >= alternate && &here < alternate + sizeof alternate;
}

static void overflow(int n)
{
	volatile char room[1024];
	room[n % 1024] = 1;
	if (n < 1 << 30)
		overflow(n + room[n % 1024]);
	room[0]++;
}

static void survive(int signal)
{
	(void)signal;
	_exit(42);
}

int main(void)
{
	struct sigaction action = { 0 };
	sigset_t set, old;

	action.sa_handler = tick;
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(count, 1);

	/* Blocked: it waits, once, however often it was sent. */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, &old), 0);
	CHECK_EQ(sigismember(&old, SIGUSR1), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(count, 1);
	CHECK_EQ(sigprocmask(SIG_UNBLOCK, &set, NULL), 0);
	CHECK_EQ(count, 2);

	/* A handler may be interrupted by another signal. */
	count = 0;
	action.sa_handler = nest;
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(count, 2);
	CHECK_EQ(deepest, 2);

	/* SA_RESETHAND: the second one kills. */
	if (fork() == 0) {
		action.sa_handler = tick;
		action.sa_flags = SA_RESETHAND;
		sigaction(SIGUSR1, &action, NULL);
		raise(SIGUSR1);
		raise(SIGUSR1);
		_exit(0);
	}
	int status;
	CHECK(wait(&status) > 0);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);

	/* Who sent it. */
	memset(&action, 0, sizeof action);
	action.sa_sigaction = with_info;
	action.sa_flags = SA_SIGINFO;
	CHECK_EQ(sigaction(SIGUSR2, &action, NULL), 0);
	CHECK_EQ(kill(getpid(), SIGUSR2), 0);
	CHECK_EQ(sender, getpid());

	/* SIGCHLD comes when a child ends; sigsuspend waits for it. */
	count = 0;
	memset(&action, 0, sizeof action);
	action.sa_handler = tick;
	CHECK_EQ(sigaction(SIGCHLD, &action, NULL), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	CHECK_EQ(sigprocmask(SIG_BLOCK, &set, &old), 0);
	if (fork() == 0)
		_exit(3);
	while (count == 0)
		CHECK_ERRNO(sigsuspend(&old), EINTR);
	CHECK_EQ(sigprocmask(SIG_SETMASK, &old, NULL), 0);
	CHECK(wait(&status) > 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
	signal(SIGCHLD, SIG_DFL);

	/* The alternate stack: used on demand, and the way to survive a full one. */
	stack_t stack = { .ss_sp = alternate, .ss_size = sizeof alternate };
	CHECK_EQ(sigaltstack(&stack, NULL), 0);
	memset(&action, 0, sizeof action);
	action.sa_handler = look;
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(on_alternate, 0);
	action.sa_flags = SA_ONSTACK;
	CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
	CHECK_EQ(raise(SIGUSR1), 0);
	CHECK_EQ(on_alternate, 1);
	if (fork() == 0) {
		action.sa_handler = survive;
		sigaction(SIGSEGV, &action, NULL);
		sigaction(SIGBUS, &action, NULL);
		overflow(0);
	}
	CHECK(wait(&status) > 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);

	/* What cannot be caught, and what does not exist. */
	action.sa_flags = 0;
	CHECK_ERRNO(sigaction(SIGKILL, &action, NULL), EINVAL);
	CHECK_ERRNO(sigaction(SIGSTOP, &action, NULL), EINVAL);
	CHECK_ERRNO(sigaction(0, &action, NULL), EINVAL);
	CHECK_ERRNO(sigaction(32, &action, NULL), EINVAL);
	CHECK_ERRNO(kill(getpid(), 32), EINVAL);
	CHECK_ERRNO(kill(99999, SIGTERM), ESRCH);
	CHECK_EQ(kill(getpid(), 0), 0);

	/* Ignored signals do nothing, and exec keeps them ignored. */
	signal(SIGTERM, SIG_IGN);
	CHECK_EQ(raise(SIGTERM), 0);
	if (fork() == 0) {
		execl("/bin/sh", "sh", "-c", "kill -TERM $$; exit 9", NULL);
		_exit(1);
	}
	CHECK(wait(&status) > 0);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 9);
	return 0;
}
