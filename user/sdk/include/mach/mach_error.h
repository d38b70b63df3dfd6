/* <mach/mach_error.h>: texts of Mach's codes */
#ifndef _MACH_MACH_ERROR_H_
#define _MACH_MACH_ERROR_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>

__BEGIN_DECLS

typedef kern_return_t mach_error_t;
char *mach_error_string(mach_error_t code);
void mach_error(const char *prefix, mach_error_t code);

__END_DECLS

#endif
