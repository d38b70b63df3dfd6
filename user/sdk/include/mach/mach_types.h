/* <mach/mach_types.h>: Mach's types */
#ifndef _MACH_MACH_TYPES_H_
#define _MACH_MACH_TYPES_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>
#include <mach/vm_prot.h>
#include <mach/vm_inherit.h>
#include <mach/vm_behavior.h>
#include <mach/vm_statistics.h>
#include <mach/task_info.h>
#include <mach/host_info.h>
#include <mach/vm_region.h>
#include <mach/vm_purgable.h>
#include <mach/vm_sync.h>
#include <mach/vm_attributes.h>
#include <mach/memory_object_types.h>

__BEGIN_DECLS

__END_DECLS

#endif
