/* <mach/host_priv.h>: calls that need the privileged host port */
#ifndef _MACH_HOST_PRIV_H_
#define _MACH_HOST_PRIV_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>
#include <mach/vm_prot.h>
#include <mach/host_info.h>

__BEGIN_DECLS

kern_return_t host_priv_statistics(host_priv_t host, host_flavor_t flavor, host_info_t info, mach_msg_type_number_t *count);
kern_return_t vm_wire(host_priv_t host, vm_map_t task, vm_address_t address, vm_size_t size, vm_prot_t protection);
kern_return_t mach_vm_wire(host_priv_t host, vm_map_t task, mach_vm_address_t address, mach_vm_size_t size,
			   vm_prot_t protection);

__END_DECLS

#endif
