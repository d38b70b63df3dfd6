/* <signal.h>: sending and catching signals */
#ifndef _SIGNAL_H_
#define _SIGNAL_H_

#include <sys/cdefs.h>
#include <sys/signal.h>

struct _opaque_pthread_t;

__BEGIN_DECLS

sig_t signal(int signal, sig_t handler);
int sigaction(int signal, const struct sigaction *action, struct sigaction *old);
int sigprocmask(int how, const sigset_t *set, sigset_t *old);
int sigsuspend(const sigset_t *mask);
int sigaltstack(const stack_t *stack, stack_t *old);
int sigemptyset(sigset_t *set);
int sigfillset(sigset_t *set);
int sigaddset(sigset_t *set, int signal);
int sigdelset(sigset_t *set, int signal);
int sigismember(const sigset_t *set, int signal);
int kill(pid_t pid, int signal);
int killpg(pid_t group, int signal);
int raise(int signal);
int pthread_kill(struct _opaque_pthread_t *thread, int signal);
int pthread_sigmask(int how, const sigset_t *set, sigset_t *old);
void psignal(int signal, const char *prefix);

__END_DECLS

#endif
