/* <sys/param.h>: limits */
#ifndef _SYS_PARAM_H_
#define _SYS_PARAM_H_

#include <sys/cdefs.h>
#include <sys/types.h>
#include <limits.h>
#include <mach/vm_param.h>

__BEGIN_DECLS

#define MAXPATHLEN 1024
#define MAXCOMLEN 16
#ifndef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif

__END_DECLS

#endif
