/* <mach_debug/mach_debug.h>: records that tools look at */
#ifndef _MACH_DEBUG_MACH_DEBUG_H_
#define _MACH_DEBUG_MACH_DEBUG_H_

#include <sys/cdefs.h>
#include <mach_debug/zone_info.h>

__BEGIN_DECLS



__END_DECLS

#endif
