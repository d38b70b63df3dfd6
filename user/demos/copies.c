/* copies.c -- what a fork, a vm_copy and a memory entry each do to the objects, drawn by vmmap --objects. */
#include <mach/mach.h>
#include <mach/memory_entry.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGES 8

extern char **environ;
static mach_vm_size_t page;

static void check(const char *what, kern_return_t code)
{
	if (code == KERN_SUCCESS)
		return;
	fprintf(stderr, "copies: %s: %s\n", what, mach_error_string(code));
	_exit(1);
}

/* New memory, of which so many pages are written; with a guard page behind it, so that it is an entry of its own. */
static mach_vm_address_t memory(int written)
{
	mach_vm_address_t at = 0;

	check("mach_vm_allocate", mach_vm_allocate(mach_task_self(), &at, (PAGES + 1) * page, VM_FLAGS_ANYWHERE));
	check("mach_vm_protect", mach_vm_protect(mach_task_self(), at + PAGES * page, page, FALSE, VM_PROT_NONE));
	for (int i = 0; i < written; i++)
		*(char *)(at + i * page) = 1;
	return at;
}

/* Draws what this process, and another one, have at two addresses. A spawn forks nothing, so it changes no object. */
static int draw(pid_t other, mach_vm_address_t a, mach_vm_address_t b)
{
	char me[16], them[16], here[24], there[24];
	char *arguments[] = { "vmmap", "--objects", here, there, me, other ? them : NULL, NULL };
	int status;
	pid_t pid;

	snprintf(me, sizeof me, "%d", getpid());
	snprintf(them, sizeof them, "%d", other);
	snprintf(here, sizeof here, "0x%llx", (unsigned long long)a);
	snprintf(there, sizeof there, "0x%llx", (unsigned long long)b);
	if (posix_spawn(&pid, "/bin/vmmap", NULL, NULL, arguments, environ) || waitpid(pid, &status, 0) != pid)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* The child writes page 1: its pages are in an object of its own, in front of the one that both show. */
static int by_fork(void)
{
	mach_vm_address_t at = memory(4);
	int gate[2], code;
	char c;

	if (pipe(gate))
		return 1;
	pid_t child = fork();
	if (child < 0)
		return 1;
	if (child == 0) {
		*(char *)(at + page) = 2;
		write(gate[1], "x", 1);
		for (;;)
			pause();
	}
	read(gate[0], &c, 1);
	code = draw(child, at, at);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return code;
}

/* A large copy is the same object twice, until one side writes. */
static int by_copy(void)
{
	mach_vm_address_t from = memory(4), to = memory(0);

	check("mach_vm_copy", mach_vm_copy(mach_task_self(), from, PAGES * page, to));
	*(char *)(to + page) = 2;
	return draw(0, from, to);
}

/* A memory entry shares its memory, so a copy of it is put off by a copy object; a write of page 1 pushes that page. */
static int by_entry(void)
{
	mach_vm_address_t from = memory(4), to = memory(0);
	memory_object_size_t size = PAGES * page;
	mach_port_t entry;

	check("mach_make_memory_entry_64",
	      mach_make_memory_entry_64(mach_task_self(), &size, from, VM_PROT_DEFAULT, &entry, MACH_PORT_NULL));
	check("mach_vm_copy", mach_vm_copy(mach_task_self(), from, PAGES * page, to));
	*(char *)(from + page) = 2;
	return draw(0, from, to);
}

int main(int argc, char **argv)
{
	page = (mach_vm_size_t)getpagesize();
	if (argc == 2 && !strcmp(argv[1], "fork"))
		return by_fork();
	if (argc == 2 && !strcmp(argv[1], "copy"))
		return by_copy();
	if (argc == 2 && !strcmp(argv[1], "entry"))
		return by_entry();
	fprintf(stderr, "usage: copies fork | copy | entry\n");
	return 1;
}
