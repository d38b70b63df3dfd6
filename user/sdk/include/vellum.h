/* <vellum.h>: calls that only this system has */
#ifndef _VELLUM_H_
#define _VELLUM_H_

#include <sys/cdefs.h>
#include <mach/vm_types.h>

__BEGIN_DECLS

/* One zone of the kernel, as zprint shows it; sizes in bytes. */
struct vellum_zone_info {
	uint64_t count;
	uint64_t cur_size;
	uint64_t max_size;
	uint64_t elem_size;
	uint64_t alloc_size;
	uint64_t sum_size;
	uint64_t exhaustible;
	uint64_t collectable;
};

/* Fills names of 80 bytes and records; count is the room on entry and the number of zones on return. */
kern_return_t vellum_zone_info(host_t host, char *names, struct vellum_zone_info *info, unsigned *count);

/* The locks of one rank, as sysctlbyname("debug.lock_statistics") answers an array of; only kernels that count their
 * locks have that name. Writing anything to it forgets the counts. */
struct vellum_lock_statistics {
	char name[40];
	uint64_t acquisitions;
	uint64_t contended;
	uint64_t longest; /* nanoseconds */
};

/* What an entry of a map shows. The answer of vellum_vm_objects is one vellum_vm_entry, `objects` times a
 * vellum_vm_object, from the top of the chain to its end, and `runs` times a vellum_vm_run, object after object. */
struct vellum_vm_entry {
	uint64_t map; /* the number of the map that has the entry */
	uint64_t start;
	uint64_t end;
	uint64_t offset; /* bytes into the object or the submap */
	uint64_t submap; /* the number of the map that the entry names, or 0 */
	uint32_t protection;
	uint32_t max_protection;
	uint32_t inheritance;
	uint32_t user_tag;
	uint32_t flags; /* VELLUM_ENTRY_* */
	uint16_t wired_count;
	uint16_t user_wired_count;
	uint32_t objects;
	uint32_t runs;
};

#define VELLUM_ENTRY_NEEDS_COPY 1 /* shadowed before it is written through the entry */
#define VELLUM_ENTRY_SHARED 2
#define VELLUM_ENTRY_PERMANENT 4

struct vellum_vm_object {
	uint64_t number; /* never used again */
	uint64_t size;
	uint64_t shadow; /* the number of what shows where this one has no page, or 0 */
	uint64_t shadow_offset;
	uint64_t copy; /* the number of what gets the pages before they change, or 0 */
	uint32_t ref_count; /* of entries, shadows and handles */
	uint32_t handles;
	uint32_t resident; /* pages */
	uint32_t wired; /* pages */
	uint32_t copy_strategy; /* memory_object_copy_strategy_t: none 0, delay 2, symmetric 4, delay-fork 6 */
	uint32_t purgable; /* VM_PURGABLE_*, of the state alone */
	uint32_t flags; /* VELLUM_OBJECT_* */
	uint32_t runs;
};

#define VELLUM_OBJECT_INTERNAL 1 /* not a file's */
#define VELLUM_OBJECT_TRUE_SHARE 2
#define VELLUM_OBJECT_KERNEL 4
#define VELLUM_OBJECT_UNCACHED 8

/* Pages that follow each other and are alike; what is in no run is not in the object. */
struct vellum_vm_run {
	uint64_t first;
	uint32_t pages;
	uint32_t state; /* VELLUM_RUN_* */
};

#define VELLUM_RUN_RESIDENT 1
#define VELLUM_RUN_WIRED 2
#define VELLUM_RUN_BUSY 4
#define VELLUM_RUN_OWED 8 /* the copy object gets it before it changes */

/* The entry at address, or the next one; with a depth of 1 or more what a submap shows takes the place of the entry
 * that names it. address comes back as the entry's start, depth as its depth, and size, the room, as the answer's
 * bytes: KERN_NO_SPACE if there is too little room, KERN_INVALID_ADDRESS behind the last entry. */
kern_return_t vellum_vm_objects(vm_map_t task, mach_vm_address_t *address, natural_t *depth, void *bytes,
				mach_vm_size_t *size);

/* Any system call by its number, with six arguments: a BSD call's errno, or 0 and its first result; a trap's result. */
int vellum_unix(unsigned number, const uint64_t *args, uint64_t *result);
int vellum_mach(unsigned number, const uint64_t *args);

/* Recounts every page and reference; root only. */
kern_return_t vellum_audit(uint64_t *report);

__END_DECLS

#endif
