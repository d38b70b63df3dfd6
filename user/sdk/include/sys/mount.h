/* <sys/mount.h>: file systems as a whole */
#ifndef _SYS_MOUNT_H_
#define _SYS_MOUNT_H_

#include <sys/cdefs.h>
#include <sys/types.h>

__BEGIN_DECLS

#define MFSTYPENAMELEN 16
#define MNAMELEN 1024

typedef struct fsid {
	int32_t val[2];
} fsid_t;

struct statfs {
	uint32_t f_bsize;
	int32_t f_iosize;
	uint64_t f_blocks;
	uint64_t f_bfree;
	uint64_t f_bavail;
	uint64_t f_files;
	uint64_t f_ffree;
	fsid_t f_fsid;
	uid_t f_owner;
	uint32_t f_type;
	uint32_t f_flags;
	uint32_t f_fssubtype;
	char f_fstypename[MFSTYPENAMELEN];
	char f_mntonname[MNAMELEN];
	char f_mntfromname[MNAMELEN];
	uint32_t f_flags_ext;
	uint32_t f_reserved[7];
};

#define MNT_RDONLY 0x00000001
#define MNT_LOCAL 0x00001000
#define MNT_ROOTFS 0x00004000
#define MNT_FORCE 0x00080000
#define MNT_WAIT 1
#define MNT_NOWAIT 2

int statfs(const char *path, struct statfs *to);
int fstatfs(int fd, struct statfs *to);
int getfsstat(struct statfs *to, int bytes, int flags);
int mount(const char *type, const char *directory, int flags, void *data);
int unmount(const char *directory, int flags);

__END_DECLS

#endif
