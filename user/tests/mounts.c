/* Mounts: both directions, codes of what crosses them, what statfs says, owners and times. */
#include "test.h"
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/time.h>

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	CHECK(fd >= 0);
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	CHECK_EQ(close(fd), 0);
}

static void memory(void)
{
	struct stat below, above, up;
	struct statfs fs;
	CHECK_EQ(mkdir("/mnt", 0755), 0);
	CHECK_EQ(stat("/mnt", &below), 0);
	write_file("/mnt/hidden", "h");
	CHECK_EQ(mount("tmpfs", "/mnt", 0, NULL), 0);
	CHECK_ERRNO(mount("tmpfs", "/mnt", 0, NULL), EBUSY);
	CHECK_EQ(stat("/mnt", &above), 0);
	CHECK(above.st_dev != below.st_dev);
	CHECK_ERRNO(open("/mnt/hidden", O_RDONLY), ENOENT);
	CHECK_EQ(stat("/mnt/..", &up), 0);
	CHECK_EQ(up.st_dev, below.st_dev);
	CHECK_EQ(statfs("/mnt", &fs), 0);
	CHECK_EQ(strcmp(fs.f_fstypename, "tmpfs") | strcmp(fs.f_mntonname, "/mnt"), 0);
	CHECK(fs.f_flags & MNT_LOCAL && !(fs.f_flags & (MNT_ROOTFS | MNT_RDONLY)));

	write_file("/mnt/file", "f");
	CHECK_ERRNO(rename("/mnt/file", "/file"), EXDEV);
	CHECK_ERRNO(link("/mnt/file", "/file"), EXDEV);
	CHECK_EQ(symlink("/mnt/file", "/mnt/link"), 0);
	CHECK_ERRNO(open("/mnt/link", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERRNO(rmdir("/mnt"), EBUSY);

	int fd = open("/mnt/file", O_RDONLY);
	CHECK_ERRNO(unmount("/mnt", 0), EBUSY);
	void *m = mmap(NULL, 1, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK_EQ(close(fd), 0);
	munmap(m, 1);
	CHECK_EQ(chdir("/mnt"), 0);
	CHECK_ERRNO(unmount("/mnt", 0), EBUSY);
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(unmount("/mnt", 0), 0);
	CHECK_ERRNO(unmount("/mnt", 0), EINVAL);
	CHECK_EQ(unlink("/mnt/hidden"), 0);

	CHECK_EQ(mount("tmpfs", "/mnt", MNT_RDONLY, NULL), 0);
	CHECK_ERRNO(open("/mnt/x", O_WRONLY | O_CREAT, 0644), EROFS);
	CHECK_ERRNO(mkdir("/mnt/x", 0755), EROFS);
	CHECK_ERRNO(chmod("/mnt", 0700), EROFS);
	CHECK_EQ(statfs("/mnt", &fs), 0);
	CHECK(fs.f_flags & MNT_RDONLY);
	CHECK_EQ(unmount("/mnt", 0), 0);

	const char *device = "/dev/null", *none = "/dev/nothing", *file = "/etc/motd";
	CHECK_ERRNO(mount("ext2", "/mnt", 0, &device), ENOTBLK);
	CHECK_ERRNO(mount("ext2", "/mnt", 0, &file), ENOTBLK);
	CHECK_ERRNO(mount("ext2", "/mnt", 0, &none), ENOENT);
	CHECK_ERRNO(mount("hfs", "/mnt", 0, &device), ENODEV);
	CHECK_ERRNO(mount("tmpfs", "/etc/motd", 0, NULL), ENOTDIR);
	CHECK_ERRNO(unmount("/", 0), EBUSY);
	CHECK_EQ(rmdir("/mnt"), 0);
}

static void list(void)
{
	struct statfs all[8];
	int count = getfsstat(NULL, 0, MNT_NOWAIT);
	CHECK(count >= 3 && count <= 8);
	CHECK_EQ(getfsstat(all, sizeof all, MNT_NOWAIT), count);
	CHECK_EQ(getfsstat(all, sizeof all[0] + 1, MNT_NOWAIT), 1);
	CHECK_EQ(strcmp(all[0].f_mntonname, "/"), 0);
	CHECK(all[0].f_flags & MNT_ROOTFS);
	CHECK(all[0].f_blocks > 0 && all[0].f_bfree <= all[0].f_blocks && all[0].f_ffree < all[0].f_files);
	CHECK_ERRNO(statfs("/none", all), ENOENT);
	CHECK_ERRNO(getfsstat((struct statfs *)KERNEL_ADDRESS, sizeof all, 0), EFAULT);
}

/* Who may do what, and what a file remembers; on the disk and in memory. */
static void owners(const char *path)
{
	struct stat st;
	umask(022);
	write_file(path, "o");
	CHECK_EQ(chmod(path, 04711), 0);
	CHECK_EQ(chown(path, 501, 20), 0);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 04711);
	CHECK_EQ(st.st_uid, 501);
	CHECK_EQ(st.st_gid, 20);
	CHECK_EQ(chown(path, -1, 30), 0);
	struct timeval times[2] = {{1000, 5}, {2000, 999999}};
	CHECK_EQ(utimes(path, times), 0);
	CHECK_EQ(stat(path, &st), 0);
	CHECK_EQ(st.st_uid, 501);
	CHECK_EQ(st.st_gid, 30);
	CHECK_EQ(st.st_atime, 1000);
	CHECK_EQ(st.st_mtime, 2000);
	CHECK(st.st_ctime > 2000);
	times[1].tv_usec = 1000000;
	CHECK_ERRNO(utimes(path, times), EINVAL);
	int fd = open(path, O_RDWR | O_SYNC);
	CHECK_EQ(fchmod(fd, 0600), 0);
	CHECK_EQ(fchown(fd, 0, 0), 0);
	CHECK_EQ(futimes(fd, NULL), 0);
	CHECK_EQ(write(fd, "p", 1), 1);
	CHECK_EQ(fcntl(fd, F_FULLFSYNC), 0);
	CHECK_EQ(fdatasync(fd), 0);
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK(st.st_mtime > 2000);
	CHECK_EQ(close(fd), 0);
	if (fork() == 0) {
		CHECK_EQ(setuid(77), 0);
		CHECK_ERRNO(chmod(path, 0777), EPERM);
		CHECK_ERRNO(chown(path, 77, 77), EPERM);
		CHECK_ERRNO(mount("tmpfs", "/tmp", 0, NULL), EPERM);
		CHECK_ERRNO(unmount("/tmp", 0), EPERM);
		CHECK_ERRNO(mknod("/tmp/node", S_IFCHR | 0666, makedev(3, 2)), EPERM);
		_exit(0);
	}
	int status;
	CHECK(wait(&status) > 0);
	CHECK_EQ(status, 0);
	CHECK_EQ(unlink(path), 0);
}

static void nodes(void)
{
	struct stat st;
	CHECK_EQ(mknod("/null", S_IFCHR | 0666, makedev(3, 2)), 0);
	CHECK_EQ(stat("/null", &st), 0);
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev, makedev(3, 2));
	int fd = open("/null", O_RDWR);
	char byte;
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(read(fd, &byte, 1), 0);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(unlink("/null"), 0);
	CHECK_EQ(mknod("/none", S_IFCHR | 0666, makedev(99, 0)), 0);
	fd = open("/none", O_RDWR);
	CHECK_ERRNO(read(fd, &byte, 1), ENXIO);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(unlink("/none"), 0);
	CHECK_ERRNO(mknod("/none", S_IFIFO | 0666, 0), ENOTSUP);
}

int main(void)
{
	memory();
	list();
	owners("/owned");
	owners("/tmp/owned");
	nodes();
	return 0;
}
