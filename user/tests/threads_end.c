/* A process ends, forks, runs another program and stops with all of its threads. */
#include "threads.h"
#include <sys/resource.h>

static int ends[2];

static void *reader(void *argument)
{
	char byte;
	(void)argument;
	read(ends[0], &byte, 1);
	CHECK(!"the read ended");
	return NULL;
}

static void populate(void)
{
	CHECK_EQ(pipe(ends), 0);
	for (int i = 0; i < 3; i++) {
		started(sleeper, NULL);
		started(reader, NULL);
		started(spinner, NULL);
	}
	pause_for(20);
}

static void exit_among_threads(void)
{
	populate();
	exit(42);
}

static void *exit_from_thread(void *argument)
{
	_exit((int)(long)argument);
}

static void exit_by_second(void)
{
	populate();
	started(exit_from_thread, (void *)43);
	sleeper(NULL);
}

static void return_from_main_thread(void)
{
	populate();
	kill(getpid(), SIGTERM);
	sleeper(NULL);
}

static void *last_words(void *argument)
{
	for (int i = 0; i < 10; i++)
		sched_yield();
	return argument;
}

static void note(void) { write(ends[1], "x", 1); }

/* The first thread leaves; the process goes on and ends with the last one, status 0, as if by exit. */
static void leave_first(void)
{
	CHECK_EQ(pipe(ends), 0);
	CHECK_EQ(atexit(note), 0);
	started(last_words, NULL);
	pthread_exit((void *)9);
}

static void *join_first(void *argument)
{
	CHECK_EQ((intptr_t)joined(argument), 77);
	_exit(44);
}

static void leave_to_joiner(void)
{
	started(join_first, pthread_self());
	pthread_exit((void *)77);
}

static void *crash(void *argument)
{
	pause_for(5);
	*(volatile int *)argument = 1;
	return NULL;
}

static void crash_in_second(void)
{
	populate();
	started(crash, (void *)16);
	started(crash, (void *)32);
	sleeper(NULL);
}

static void *overflow(void *argument)
{
	volatile char room[4096];
	room[0] = 1;
	return (char *)overflow((void *)room) + room[0] + (argument != NULL);
}

static void overflow_in_second(void)
{
	joined(started(overflow, NULL));
}

static void *fork_here(void *argument)
{
	int local = 5, status;
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		/* One thread, with its own stack, errno and port; memory, streams and locks are whole. */
		CHECK_EQ(threads_of(getpid()), 1);
		CHECK_EQ(local, 5);
		CHECK_ERRNO(close(1000), EBADF);
		CHECK_EQ(pthread_main_np(), 1);
		CHECK_EQ(pthread_kill(pthread_self(), 0), 0);
		for (int i = 0; i < 100; i++)
			free(malloc(i * 100));
		joined(started(exit_from_thread, (void *)45));
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 45);
	return argument;
}

static void *allocate(void *argument)
{
	(void)argument;
	for (;;)
		free(malloc(100));
}

static void fork_among_threads(void)
{
	populate();
	started(allocate, NULL);
	started(allocate, NULL);
	for (int i = 0; i < 20; i++)
		joined(started(fork_here, NULL));
	fork_here(NULL);
	exit(46);
}

static void *run_program(void *argument)
{
	execl("/bin/sh", "sh", "-c", argument, NULL);
	return NULL;
}

static void exec_from_second(void)
{
	populate();
	started(run_program, "ps -p $$ >/dev/null; exit 47");
	started(run_program, "exit 47");
	sleeper(NULL);
}

static void *run_again(void *argument)
{
	execl("/tests/threads_end", "threads_end", argument, NULL);
	return NULL;
}

static void exec_from_first(void)
{
	populate();
	run_program("exit 48");
}

/* Whichever thread it was, it is the first of the new program. */
static void exec_and_raise(void)
{
	populate();
	joined(started(run_again, "raise"));
}

static void *run_nothing(void *argument)
{
	CHECK_ERRNO(execl("/tmp/no such file", "x", NULL), ENOENT);
	return argument;
}

/* An exec that fails ends nobody. */
static void exec_nothing(void)
{
	populate();
	int before = threads_of(getpid());
	joined(started(run_nothing, NULL));
	for (int i = 0; i < 10000 && threads_of(getpid()) != before; i++)
		pause_for(1);
	CHECK_EQ(threads_of(getpid()), before);
	_exit(49);
}

static volatile long *progress;

static void *advance(void *argument)
{
	(void)argument;
	for (;;)
		(*progress)++;
}

static void stop_and_go(void)
{
	int status;
	progress = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_ANON | MAP_SHARED, -1, 0);
	pid_t pid = fork();
	if (pid == 0) {
		started(advance, NULL);
		started(sleeper, NULL);
		advance(NULL);
	}
	while (*progress == 0)
		pause_for(1);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	pause_for(30); /* on other processors they may take a moment */
	long seen = *progress;
	pause_for(50);
	CHECK_EQ(*progress, seen);
	CHECK_EQ(kill(pid, SIGCONT), 0);
	while (*progress == seen)
		pause_for(1);
	CHECK_EQ(kill(pid, SIGSTOP), 0);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_EQ(kill(pid, SIGKILL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static uint64_t used(int who)
{
	struct rusage usage;
	CHECK_EQ(getrusage(who, &usage), 0);
	return usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec;
}

#define ENOUGH 30000 /* microseconds */

static void *use_time(void *argument)
{
	uint64_t until = used(RUSAGE_SELF) + ENOUGH;
	while (used(RUSAGE_SELF) < until)
		;
	return argument;
}

/* What threads have used counts when they are gone, and when the process is. */
static void account(void)
{
	struct proc_taskinfo before, after;
	CHECK_EQ(proc_pidinfo(getpid(), PROC_PIDTASKINFO, 0, &before, sizeof before), sizeof before);
	for (int i = 0; i < 3; i++)
		joined(started(use_time, NULL));
	CHECK(used(RUSAGE_SELF) >= 3 * ENOUGH);
	CHECK_EQ(proc_pidinfo(getpid(), PROC_PIDTASKINFO, 0, &after, sizeof after), sizeof after);
	CHECK(after.pti_syscalls_unix - before.pti_syscalls_unix > 100);
	CHECK(after.pti_faults - before.pti_faults >= 6); /* a stack and a record each */
}

static int exit_of(void (*f)(void))
{
	int status = child_status(f);
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		CHECK_EQ(pthread_kill(pthread_self(), 0), 0);
		CHECK_EQ(threads_of(getpid()), 1);
		CHECK_EQ(joined(started(last_words, argv)), argv);
		raise(SIGTERM);
		return 1;
	}
	CHECK_EQ(exit_of(exit_among_threads), 42);
	CHECK_EQ(exit_of(exit_by_second), 43);
	CHECK_EQ(death_of(return_from_main_thread), SIGTERM);
	CHECK_EQ(exit_of(leave_first), 0);
	CHECK_EQ(exit_of(leave_to_joiner), 44);
	CHECK_EQ(death_of(crash_in_second), SIGSEGV);
	/* The guard is memory without rights: SIGBUS, as on a Mac. */
	CHECK_EQ(death_of(overflow_in_second), SIGBUS);
	CHECK_EQ(exit_of(fork_among_threads), 46);
	CHECK_EQ(exit_of(exec_from_second), 47);
	CHECK_EQ(exit_of(exec_from_first), 48);
	CHECK_EQ(death_of(exec_and_raise), SIGTERM);
	CHECK_EQ(exit_of(exec_nothing), 49);
	uint64_t before = used(RUSAGE_CHILDREN);
	CHECK_EQ(exit_of(account), 0);
	CHECK(used(RUSAGE_CHILDREN) - before >= 3 * ENOUGH);
	stop_and_go();
	return 0;
}
