/* <mach/boolean.h>: Mach's truth values */
#ifndef _MACH_BOOLEAN_H_
#define _MACH_BOOLEAN_H_

#include <sys/cdefs.h>
__BEGIN_DECLS

#if defined(__x86_64__)
typedef unsigned int boolean_t;
#else
typedef int boolean_t;
#endif
#ifndef TRUE
#define TRUE 1
#define FALSE 0
#endif

__END_DECLS

#endif
