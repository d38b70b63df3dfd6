/* <mach/vm_prot.h>: protections */
#ifndef _MACH_VM_PROT_H_
#define _MACH_VM_PROT_H_

#include <sys/cdefs.h>
__BEGIN_DECLS

#define VM_PROT_NONE 0x00
#define VM_PROT_READ 0x01
#define VM_PROT_WRITE 0x02
#define VM_PROT_EXECUTE 0x04
#define VM_PROT_DEFAULT (VM_PROT_READ | VM_PROT_WRITE)
#define VM_PROT_ALL (VM_PROT_READ | VM_PROT_WRITE | VM_PROT_EXECUTE)
#define VM_PROT_COPY 0x10
#define VM_PROT_IS_MASK 0x40

__END_DECLS

#endif
