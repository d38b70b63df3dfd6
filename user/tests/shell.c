/* The shell's language, by what scripts print. */
#include "test.h"

static const struct {
	const char *script, *output;
	int status;
} cases[] = {
	{ "echo a b  c", "a b c\n", 0 },
	{ "echo 'a  b' \"c  d\" e\\ f", "a  b c  d e f\n", 0 },
	{ "true && echo yes || echo no", "yes\n", 0 },
	{ "false && echo yes || echo no", "no\n", 0 },
	{ "false; echo $?; true; echo $?", "1\n0\n", 0 },
	{ "exit 7", "", 7 },
	{ "(exit 3); echo $?", "3\n", 0 },
	{ "echo one # comment\n# more\necho two", "one\ntwo\n", 0 },
	{ "false; X=$?; echo $X $?; (exit 6); Y=$?; echo $Y", "1 0\n6\n", 0 },
	{ "X=$(exit 5); echo $?; echo $(exit 4); echo $?", "5\n\n0\n", 0 },
	{ "X=5; Y=$X$X; echo \"$Y\" '$Y' ${X}1", "55 $Y 51\n", 0 },
	{ "X='a  b'; echo $X \"$X\"", "a b a  b\n", 0 },
	{ "export A=1; sh -c 'echo $A'; B=2 sh -c 'echo $B'; echo .$B.", "1\n2\n..\n", 0 },
	{ "echo a | cat | cat", "a\n", 0 },
	{ "echo a b | wc -w", "       2\n", 0 },
	{ "for i in 1 2 3; do echo -n $i; done; echo", "123\n", 0 },
	{ "i=; while [ \"$i\" != xxx ]; do i=x$i; done; echo $i", "xxx\n", 0 },
	{ "for i in 1 2 3 4; do if [ $i = 2 ]; then continue; fi; if [ $i -gt 3 ]; then break; fi; echo $i; done", "1\n3\n", 0 },
	{ "if false; then echo a; elif true; then echo b; else echo c; fi", "b\n", 0 },
	{ "echo $(echo in; echo ner) `echo tick`", "in ner tick\n", 0 },
	{ "cd /tmp; echo x > s1; echo y >> s1; cat < s1; ls s? s*1", "x\ny\ns1\ns1\n", 0 },
	{ "{ echo out; nosuchcommand; } > /tmp/s2 2>&1; echo $?; wc -l < /tmp/s2", "127\n       2\n", 0 },
	{ "kill -TERM $$", "", 128 + SIGTERM },
	{ "sh -c 'kill -SEGV $$'; echo $?", "Segmentation fault: 11\n139\n", 0 },
	{ "sh -c 'kill -KILL $$'; echo $?", "Killed: 9\n137\n", 0 },
	{ "sleep 0.05 & wait $!; echo $?", "0\n", 0 },
	{ "sh -c 'exit 4' & wait $!; echo $?", "4\n", 0 },
	{ "! true; echo $?", "1\n", 0 },
	{ "set a b c; echo $# $2 \"$*\"; shift; echo $1", "3 b a b c\nb\n", 0 },
	{ "echo a;; echo b", "sh: syntax error near unexpected token `;'\n", 2 },
	{ "head -2 /etc/none; echo $?", "head: /etc/none: No such file or directory\n1\n", 0 },
	{ "printenvnosuch 2>/dev/null; echo $?", "127\n", 0 },
	{ "cd /nothing; echo $?", "sh: cd: /nothing: No such file or directory\n1\n", 0 },
	{ "echo hello | grep -c l; echo hello | grep x; echo $?", "1\n1\n", 0 },
	{ "exec echo replaced; echo not", "replaced\n", 0 },
	{ "echo a > /tmp/s3; cat /tmp/s3 /tmp/s3 | grep -n a | tail -1", "2:a\n", 0 },
	{ "read x y; echo $y", "\n", 0 },
};

int main(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		int ends[2], status;
		static char output[8192];
		CHECK_EQ(pipe(ends), 0);
		pid_t pid = fork();
		CHECK(pid >= 0);
		if (pid == 0) {
			dup2(ends[1], 1);
			dup2(ends[1], 2);
			close(ends[0]);
			close(ends[1]);
			execl("/bin/sh", "sh", "-c", cases[i].script, NULL);
			_exit(1);
		}
		close(ends[1]);
		size_t got = 0;
		for (ssize_t r; (r = read(ends[0], output + got, sizeof output - 1 - got)) > 0;)
			got += (size_t)r;
		output[got] = 0;
		close(ends[0]);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		int shown = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		if (strcmp(output, cases[i].output) != 0 || shown != cases[i].status) {
			printf("%s\nprinted \"%s\" (%d), not \"%s\" (%d)\n", cases[i].script, output, shown, cases[i].output,
			       cases[i].status);
			return 1;
		}
	}
	CHECK_EQ(unlink("/tmp/s1") | unlink("/tmp/s2") | unlink("/tmp/s3"), 0);
	return 0;
}
