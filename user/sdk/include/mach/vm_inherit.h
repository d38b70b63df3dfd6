/* <mach/vm_inherit.h>: what a child gets of a region */
#ifndef _MACH_VM_INHERIT_H_
#define _MACH_VM_INHERIT_H_

#include <sys/cdefs.h>
__BEGIN_DECLS

#define VM_INHERIT_SHARE 0
#define VM_INHERIT_COPY 1
#define VM_INHERIT_NONE 2
#define VM_INHERIT_DONATE_COPY 3
#define VM_INHERIT_LAST_VALID VM_INHERIT_NONE
#define VM_INHERIT_DEFAULT VM_INHERIT_COPY

__END_DECLS

#endif
