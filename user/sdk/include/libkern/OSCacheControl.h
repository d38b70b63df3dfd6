/* <libkern/OSCacheControl.h>: caches and code that a program makes */
#ifndef _LIBKERN_OSCACHECONTROL_H_
#define _LIBKERN_OSCACHECONTROL_H_

#include <sys/cdefs.h>
#include <stddef.h>

__BEGIN_DECLS

void sys_icache_invalidate(void *start, size_t length);

__END_DECLS

#endif
