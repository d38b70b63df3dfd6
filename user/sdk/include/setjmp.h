/* <setjmp.h>: jumping out of functions */
#ifndef _SETJMP_H_
#define _SETJMP_H_

#include <sys/cdefs.h>
__BEGIN_DECLS

typedef int jmp_buf[48];
typedef int sigjmp_buf[48];

int setjmp(jmp_buf state) __attribute__((__returns_twice__));
int _setjmp(jmp_buf state) __attribute__((__returns_twice__));
int sigsetjmp(sigjmp_buf state, int save_mask) __attribute__((__returns_twice__));
void longjmp(jmp_buf state, int value) __dead2;
void _longjmp(jmp_buf state, int value) __dead2;
void siglongjmp(sigjmp_buf state, int value) __dead2;

__END_DECLS

#endif
