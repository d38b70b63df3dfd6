/* <sys/wait.h>: waiting for children */
#ifndef _SYS_WAIT_H_
#define _SYS_WAIT_H_

#include <sys/cdefs.h>
#include <sys/types.h>
#include <sys/signal.h>
#include <sys/resource.h>

__BEGIN_DECLS

#define WNOHANG 1
#define WUNTRACED 2
#define _WSTATUS(s) ((s) & 0177)
#define _WSTOPPED 0177
#define WIFEXITED(s) (_WSTATUS(s) == 0)
#define WEXITSTATUS(s) (((s) >> 8) & 0xff)
#define WIFSIGNALED(s) (_WSTATUS(s) != _WSTOPPED && _WSTATUS(s) != 0)
#define WTERMSIG(s) (_WSTATUS(s))
#define WCOREDUMP(s) ((s) & 0200)
#define WIFSTOPPED(s) (_WSTATUS(s) == _WSTOPPED)
#define WSTOPSIG(s) (((s) >> 8) & 0xff)

pid_t wait(int *status);
pid_t waitpid(pid_t pid, int *status, int options);
pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage);

__END_DECLS

#endif
