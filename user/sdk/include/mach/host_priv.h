/* <mach/host_priv.h>: calls that need the privileged host port */
#ifndef _MACH_HOST_PRIV_H_
#define _MACH_HOST_PRIV_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>
#include <mach/vm_prot.h>

__BEGIN_DECLS

kern_return_t vm_wire(host_priv_t host, vm_map_t task, vm_address_t address, vm_size_t size, vm_prot_t protection);
kern_return_t mach_vm_wire(host_priv_t host, vm_map_t task, mach_vm_address_t address, mach_vm_size_t size,
			   vm_prot_t protection);

__END_DECLS

#endif
