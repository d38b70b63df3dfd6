/* <mach/mach_host.h>: calls about the host */
#ifndef _MACH_MACH_HOST_H_
#define _MACH_MACH_HOST_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>
#include <mach/vm_prot.h>
#include <mach/host_info.h>
#include <mach/memory_object_types.h>
#include <mach_debug/mach_debug.h>

__BEGIN_DECLS

kern_return_t host_info(host_t host, host_flavor_t flavor, host_info_t info, mach_msg_type_number_t *count);
kern_return_t host_page_size(host_t host, vm_size_t *size);
kern_return_t host_statistics(host_priv_t host, host_flavor_t flavor, host_info_t info, mach_msg_type_number_t *count);
kern_return_t host_statistics64(host_priv_t host, host_flavor_t flavor, host_info64_t info, mach_msg_type_number_t *count);

/* The lists are new memory of the caller, who deallocates it. */
kern_return_t mach_zone_info(host_priv_t host, mach_zone_name_array_t *names, mach_msg_type_number_t *names_count,
			     mach_zone_info_array_t *info, mach_msg_type_number_t *info_count);
kern_return_t mach_zone_info_for_zone(host_priv_t host, mach_zone_name_t name, mach_zone_info_t *info);
kern_return_t mach_zone_info_for_largest_zone(host_priv_t host, mach_zone_name_t *name, mach_zone_info_t *info);
kern_return_t mach_zone_force_gc(host_t host);
/* No zone keeps a log: refused. */
kern_return_t mach_zone_get_zlog_zones(host_priv_t host, mach_zone_name_array_t *names, mach_msg_type_number_t *count);
kern_return_t mach_zone_get_btlog_records(host_priv_t host, mach_zone_name_t name, zone_btrecord_array_t *records,
					  mach_msg_type_number_t *count);
kern_return_t mach_memory_info(host_priv_t host, mach_zone_name_array_t *names, mach_msg_type_number_t *names_count,
			       mach_zone_info_array_t *info, mach_msg_type_number_t *info_count,
			       mach_memory_info_array_t *memory_info, mach_msg_type_number_t *memory_info_count);

kern_return_t mach_memory_object_memory_entry(host_t host, boolean_t internal, vm_size_t size, vm_prot_t permission,
					      memory_object_t pager, mach_port_t *entry);
kern_return_t mach_memory_object_memory_entry_64(host_t host, boolean_t internal, memory_object_size_t size,
						 vm_prot_t permission, memory_object_t pager, mach_port_t *entry);

__END_DECLS

#endif
