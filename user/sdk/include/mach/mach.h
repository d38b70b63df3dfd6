/* <mach/mach.h>: all of Mach that this system has */
#ifndef _MACH_MACH_H_
#define _MACH_MACH_H_

#include <sys/cdefs.h>
#include <string.h>
#include <mach/mach_types.h>
#include <mach/mach_init.h>
#include <mach/mach_error.h>
#include <mach/vm_map.h>
#include <mach/mach_host.h>
#include <mach/host_priv.h>
#include <mach/memory_entry.h>
#include <mach/task.h>
#include <mach/vm_param.h>
#include <mach/vm_page_size.h>

__BEGIN_DECLS

#define USEC_PER_SEC 1000000ull
#define NSEC_PER_SEC 1000000000ull

__END_DECLS

#endif
