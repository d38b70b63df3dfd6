/* The BSD memory calls: what they do and which errors they answer. */
#include "test.h"

static char *where;
static void touch(void) { *(volatile char *)where = 1; }
static void look(void) { (void)*(volatile char *)where; }

static void *anonymous(void *at, size_t length, int protection, int flags)
{
	return mmap(at, length, protection, MAP_ANON | flags, -1, 0);
}

/* What the memory keeps of its flags: an allocator may not reuse what is stolen first, and what only a trusted path
 * writes can be read. */
static void kept_flags(size_t page)
{
	const int rw = PROT_READ | PROT_WRITE, tag = VM_MAKE_TAG(VM_MEMORY_MALLOC);
	char *plain = mmap(NULL, page, rw, MAP_ANON | MAP_PRIVATE, tag, 0);
	char *stolen = mmap(NULL, page, rw, MAP_ANON | MAP_PRIVATE | MAP_NOCACHE, tag, 0);
	CHECK(plain != MAP_FAILED && stolen != MAP_FAILED);
	CHECK_EQ(madvise(plain, page, MADV_CAN_REUSE), 0);
	CHECK_ERRNO(madvise(stolen, page, MADV_CAN_REUSE), EINVAL);
	where = mmap(NULL, page, rw, MAP_ANON | MAP_PRIVATE | MAP_TPRO, -1, 0);
	CHECK(where != MAP_FAILED);
	CHECK_EQ(extended(where).protection, VM_PROT_READ);
	CHECK_EQ(*where, 0);
	CHECK(death_of(touch) != 0);
	CHECK_EQ(munmap(plain, page) | munmap(stolen, page) | munmap(where, page), 0);
}

int main(void)
{
	size_t page = getpagesize();
	char *p = pages(8);

	kept_flags(page);

	/* Zero-filled, and each page by itself. */
	for (size_t i = 0; i < 8 * page; i++)
		CHECK_EQ(p[i], 0);
	memset(p, 7, 8 * page);

	/* Protections. */
	CHECK_EQ(mprotect(p + page, page, PROT_READ), 0);
	CHECK_EQ(p[page], 7);
	where = p + page;
	CHECK(death_of(touch) != 0);
	CHECK_EQ(mprotect(p + page, page, PROT_NONE), 0);
	CHECK(death_of(look) != 0);
	CHECK_EQ(mprotect(p + page, page, PROT_READ | PROT_WRITE), 0);
	CHECK_EQ(p[page], 7);
	CHECK_ERRNO(mprotect(p + 1, page, PROT_READ), EINVAL);
	CHECK_ERRNO(mprotect(p, (size_t)-1, PROT_READ), EINVAL);
	CHECK_EQ(mprotect(p, 0, PROT_READ), 0);

	/* Holes. */
	CHECK_EQ(munmap(p + 3 * page, page), 0);
	where = p + 3 * page;
	CHECK_EQ(death_of(look), SIGSEGV);
	CHECK_EQ(p[2 * page], 7);
	CHECK_EQ(p[4 * page], 7);
	CHECK_EQ(munmap(p + 3 * page, page), 0);
	CHECK_ERRNO(mprotect(p, 8 * page, PROT_READ), ENOMEM);
	CHECK_EQ(mprotect(p, 8 * page, PROT_READ | PROT_WRITE) == -1 && errno == ENOMEM, 1);
	CHECK_ERRNO(munmap(p, 0), EINVAL);
	CHECK_ERRNO(munmap(p + 1, page), EINVAL);
	CHECK_ERRNO(munmap(p, (size_t)-1), EINVAL);

	/* A fixed mapping replaces what is there. */
	CHECK(anonymous(p + 2 * page, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED) == p + 2 * page);
	CHECK_EQ(p[2 * page], 0);
	CHECK_EQ(p[4 * page], 0);
	CHECK_EQ(p[5 * page], 7);

	/* Wrong arguments. */
	CHECK(anonymous(NULL, 0, PROT_READ, MAP_PRIVATE) == MAP_FAILED && errno == EINVAL);
	CHECK(anonymous(NULL, page, PROT_READ, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(anonymous(NULL, page, PROT_READ, MAP_PRIVATE | 0x100000) == MAP_FAILED && errno == EINVAL);
	CHECK(anonymous(p + 1, page, PROT_READ, MAP_PRIVATE | MAP_FIXED) == MAP_FAILED && errno == EINVAL);
	CHECK(anonymous((void *)KERNEL_ADDRESS, page, PROT_READ, MAP_PRIVATE | MAP_FIXED) == MAP_FAILED);
	CHECK(anonymous((void *)(USER_END - page), 2 * page, PROT_READ, MAP_PRIVATE | MAP_FIXED) == MAP_FAILED);
	CHECK(anonymous(NULL, USER_END, PROT_READ, MAP_PRIVATE) == MAP_FAILED && errno == ENOMEM);
	CHECK(anonymous(NULL, (size_t)-1, PROT_READ, MAP_PRIVATE) == MAP_FAILED);
	CHECK(mmap(NULL, page, PROT_READ, MAP_PRIVATE, 77, 0) == MAP_FAILED && errno == EBADF);
	CHECK(mmap(NULL, page, PROT_READ, MAP_ANON | MAP_PRIVATE, -1, 1) == MAP_FAILED && errno == EINVAL);
	/* A hint that is free is taken; one that is not is only a hint. */
	char *hint = p + (1ull << 32);
	CHECK(anonymous(hint, page, PROT_READ, MAP_PRIVATE) == hint);
	CHECK(anonymous(hint, page, PROT_READ, MAP_PRIVATE) != hint);
	CHECK_EQ(munmap(hint, page), 0);

	/* Inheritance. */
	char *shared = anonymous(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *made = pages(1), *gone = pages(1);
	CHECK(shared != MAP_FAILED);
	*shared = *made = 1;
	CHECK_EQ(minherit(made, page, VM_INHERIT_SHARE), 0);
	CHECK_EQ(minherit(gone, page, VM_INHERIT_NONE), 0);
	CHECK_ERRNO(minherit(made, page, 3), EINVAL);
	where = shared;
	*shared = 5;
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		CHECK_EQ(*shared, 5);
		*shared = 6;
		*made = 8;
		where = gone;
		CHECK_EQ(death_of(look), SIGSEGV);
		_exit(0);
	}
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(*shared, 6);
	CHECK_EQ(*made, 8);

	/* Residence. */
	char *fresh = pages(4);
	char vector[4] = { 9, 9, 9, 9 };
	CHECK_EQ(mincore(fresh, 4 * page, vector), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(vector[i] & MINCORE_INCORE, 0);
	fresh[page] = 1;
	CHECK_EQ(mincore(fresh, 4 * page, vector), 0);
	CHECK_EQ(vector[0] & MINCORE_INCORE, 0);
	CHECK_EQ(vector[1] & (MINCORE_INCORE | MINCORE_MODIFIED), MINCORE_INCORE | MINCORE_MODIFIED);
	CHECK_ERRNO(mincore(fresh, page, (char *)KERNEL_ADDRESS), EFAULT);

	/* Wiring. */
	CHECK_EQ(mlock(fresh, 4 * page), 0);
	CHECK_EQ(mincore(fresh, 4 * page, vector), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(vector[i] & MINCORE_INCORE, MINCORE_INCORE);
	CHECK_EQ(munlock(fresh, 4 * page), 0);
	CHECK_EQ(munlock(fresh, 4 * page), 0);
	CHECK_ERRNO(mlock(p + (1ull << 33), page), ENOMEM);

	/* Advice. */
	CHECK_EQ(madvise(fresh, 4 * page, MADV_WILLNEED), 0);
	CHECK_EQ(madvise(fresh, 4 * page, MADV_DONTNEED), 0);
	CHECK_EQ(fresh[page], 1);
	CHECK_EQ(madvise(fresh, 4 * page, MADV_FREE), 0);
	CHECK(fresh[page] == 1 || fresh[page] == 0);
	CHECK_ERRNO(madvise(fresh, page, 77), EINVAL);
	CHECK_ERRNO(mlockall(MCL_CURRENT), ENOSYS);
	CHECK_EQ(msync(fresh, page, MS_SYNC), 0);
	CHECK_ERRNO(msync(fresh, page, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERRNO(msync(fresh + 1, page, MS_SYNC), EINVAL);

	/* Code that a program made may run once it is executable. */
#if defined(__x86_64__)
	static const unsigned char seven[] = { 0xb8, 7, 0, 0, 0, 0xc3 };
#else
	static const uint32_t seven[] = { 0x528000e0, 0xd65f03c0 };
#endif
	char *code = pages(1);
	memcpy(code, seven, sizeof seven);
	CHECK_EQ(mprotect(code, page, PROT_READ | PROT_EXEC), 0);
	__builtin___clear_cache(code, code + sizeof seven);
	CHECK_EQ(((int (*)(void))(uintptr_t)code)(), 7);
	return 0;
}
