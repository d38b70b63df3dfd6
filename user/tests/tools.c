/* The tools: their sums are right, their JSON is whole, their exit codes say what happened. */
#include "test.h"

static char output[200000];

static int run(const char *command)
{
	int ends[2], status;
	CHECK_EQ(pipe(ends), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		dup2(ends[1], 1);
		close(ends[0]);
		close(ends[1]);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(1);
	}
	close(ends[1]);
	size_t got = 0;
	for (ssize_t r; (r = read(ends[0], output + got, sizeof output - 1 - got)) > 0;)
		got += (size_t)r;
	output[got] = 0;
	close(ends[0]);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect(const char *wanted)
{
	if (strstr(output, wanted) == NULL) {
		printf("no \"%s\" in:\n%s", wanted, output);
		exit(1);
	}
}

/* Checks that the output is one JSON value: brackets match outside of texts, and nothing follows. */
static void check_json(const char *command)
{
	char stack[64];
	int depth = 0, quoted = 0, values = 0;
	CHECK_EQ(run(command), 0);
	for (const char *p = output; *p; p++) {
		if (quoted) {
			CHECK(*p != '\n');
			if (*p == '\\')
				p++;
			else if (*p == '"')
				quoted = 0;
		} else if (*p == '"') {
			quoted = 1;
		} else if (*p == '{' || *p == '[') {
			CHECK(depth < 64);
			values += depth == 0;
			stack[depth++] = *p == '{' ? '}' : ']';
		} else if (*p == '}' || *p == ']') {
			CHECK(depth > 0 && stack[--depth] == *p);
		}
	}
	if (depth != 0 || quoted || values != 1) {
		printf("%s: no JSON:\n%s", command, output);
		exit(1);
	}
}

static long line_value(const char *label)
{
	const char *p = strstr(output, label);
	CHECK(p != NULL);
	return strtol(p + strlen(label), NULL, 10);
}

int main(void)
{
	CHECK_EQ(run("vm_stat"), 0);
	char head[80];
	snprintf(head, sizeof head, "Mach Virtual Memory Statistics: (page size of %d bytes)\n", getpagesize());
	expect(head);
	long sum = line_value("Pages free:") + line_value("Pages active:") + line_value("Pages inactive:") +
		   line_value("Pages speculative:") + line_value("Pages wired down:") + line_value("Pages occupied by compressor:");
	CHECK_EQ(sum, number_of("vm.pages"));
	CHECK_EQ(run("vm_stat -c 2 0.05 | wc -l"), 0);
	CHECK_EQ(atoi(output), 4);
	CHECK_EQ(run("vm_stat -c 0 2>/dev/null"), 1);

	CHECK_EQ(run("vmmap $$"), 0);
	expect("__TEXT ");
	expect("__DATA ");
	expect("__LINKEDIT ");
	expect("MALLOC_TINY ");
	expect("Stack ");
	expect("STACK GUARD ");
	expect("r-x/");
	expect("---/");
	expect("SM=COW");
	expect("\nTOTAL ");
	CHECK_EQ(run("vmmap 99999 2>/dev/null"), 255);
	CHECK_EQ(run("vmmap --objects $$"), 0);
	expect("digraph objects {\n");
	expect("[label=\"__TEXT /bin/sh\\n");
	expect(" -> object");
	expect(", resident ");
	CHECK_EQ(run("copies entry"), 0);
	expect("refs 3, copied delay, true share\\nOROO....");
	expect(" [label=\"copy\", style=dashed, constraint=false];\n");
	CHECK_EQ(run("vmmap --objects 0x1000 2>/dev/null"), 1);
	CHECK_EQ(run("vmmap --objects $$ 99999 2>/dev/null"), 255);
	CHECK_EQ(run("vmmap --objects $$ 0x1000 | grep -c entry"), 1);

	CHECK_EQ(run("zprint -w"), 0);
	expect("zone name ");
	expect("VM.map.entries ");
	expect("vm.objects ");
	expect("proc_task ");
	expect("threads ");
	expect("vnodes ");
	expect("TOTAL SIZE        = ");
	CHECK_EQ(run("zprint -H map.entries | wc -l"), 0);
	CHECK_EQ(atoi(output), 1);

	CHECK_EQ(run("ps -o pid,rss,vsz,pmem,comm 1"), 0);
	expect("  PID    RSS      VSZ %MEM COMM\n");
	CHECK_EQ(run("ps 99999"), 1);
	CHECK_EQ(run("ps -o pid= $$; echo $$"), 0);
	CHECK_EQ(strtol(output, NULL, 10), strtol(strchr(output, '\n') + 1, NULL, 10));

	CHECK_EQ(run("pagesize"), 0);
	CHECK_EQ(atoi(output), getpagesize());
	CHECK_EQ(run("sysctl -n hw.pagesize"), 0);
	CHECK_EQ(atoi(output), getpagesize());
	CHECK_EQ(run("sysctl vm.swapusage"), 0);
	expect("vm.swapusage: total = 0.00M  used = 0.00M  free = 0.00M");
	CHECK_EQ(run("sysctl nosuch 2>/dev/null"), 1);
	CHECK_EQ(run("sysctl -a | wc -l"), 0);
	CHECK(atoi(output) > 20);
	CHECK_EQ(run("sysctl -N vm | head -1"), 0);
	expect("vm.");

	CHECK_EQ(run("ls -la /bin/sh"), 0);
	expect("-rwxr-xr-x  1 root  wheel ");
	CHECK_EQ(run("ls /nothing 2>&1"), 1);
	expect("ls: /nothing: No such file or directory\n");

	check_json("vm_stat --json");
	check_json("vmmap --json $$");
	check_json("vmmap --objects --json $$");
	check_json("zprint --json");
	check_json("ps --json");
	check_json("sysctl --json -a");
	check_json("ls --json /bin");
	check_json("pagesize --json");
	return 0;
}
