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

/* Any system call by its number, with six arguments: a BSD call's errno, or 0 and its first result; a trap's result. */
int vellum_unix(unsigned number, const uint64_t *args, uint64_t *result);
int vellum_mach(unsigned number, const uint64_t *args);

/* Recounts every page and reference; root only. */
kern_return_t vellum_audit(uint64_t *report);

__END_DECLS

#endif
