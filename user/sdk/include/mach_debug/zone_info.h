/* <mach_debug/zone_info.h>: zones of the kernel */
#ifndef _MACH_DEBUG_ZONE_INFO_H_
#define _MACH_DEBUG_ZONE_INFO_H_

#include <sys/cdefs.h>
#include <stdint.h>

__BEGIN_DECLS

#define MACH_ZONE_NAME_MAX_LEN 80
typedef struct mach_zone_name {
	char mzn_name[MACH_ZONE_NAME_MAX_LEN];
} mach_zone_name_t;
typedef mach_zone_name_t *mach_zone_name_array_t;

typedef struct mach_zone_info_data {
	uint64_t mzi_count;
	uint64_t mzi_cur_size;
	uint64_t mzi_max_size;
	uint64_t mzi_elem_size;
	uint64_t mzi_alloc_size;
	uint64_t mzi_sum_size;
	uint64_t mzi_exhaustible;
	uint64_t mzi_collectable;
} mach_zone_info_t;
typedef mach_zone_info_t *mach_zone_info_array_t;
#define GET_MZI_COLLECTABLE_BYTES(val) ((val) >> 1)
#define GET_MZI_COLLECTABLE_FLAG(val) ((val) & 1)

typedef struct zone_btrecord zone_btrecord_t;
typedef zone_btrecord_t *zone_btrecord_array_t;

typedef struct mach_memory_info {
	uint64_t flags;
	uint64_t site;
	uint64_t size;
	uint64_t free;
	uint64_t largest;
	uint64_t collectable_bytes;
	uint64_t mapped;
	uint64_t peak;
	uint16_t tag;
	uint16_t zone;
	uint16_t _resvA[2];
	uint64_t _resvB[3];
	char name[MACH_ZONE_NAME_MAX_LEN];
} mach_memory_info_t;
typedef mach_memory_info_t *mach_memory_info_array_t;

/* mach_memory_info: what kind a record is, and which counter or tag. */
#define VM_KERN_SITE_TYPE 0x000000ff
#define VM_KERN_SITE_TAG 0x00000000
#define VM_KERN_SITE_KMOD 0x00000001
#define VM_KERN_SITE_KERNEL 0x00000002
#define VM_KERN_SITE_COUNTER 0x00000003
#define VM_KERN_SITE_WIRED 0x00000100
#define VM_KERN_COUNT_MANAGED 0
#define VM_KERN_COUNT_WIRED 2
#define VM_KERN_COUNT_STOLEN 4
#define VM_KERN_COUNT_MAP_KERNEL 6
#define VM_KERN_COUNT_MAP_ZONE 7
#define VM_KERN_MEMORY_ZONE 12

__END_DECLS

#endif
