/* Bad arguments of mmap, by its number: with the checks of UNIX 03, which libSystem asks for, and without. */
#include "arguments.h"
#include "raw.h"
#include <fcntl.h>
#include <sys/syscall.h>

#define U MAP_UNIX03
#define PRIVATE (U | MAP_ANON | MAP_PRIVATE)
#define SHARED (U | MAP_ANON | MAP_SHARED)
#define NONE ((uint64_t)(int64_t)-1)

/* address, length, protection, flags, descriptor, offset */
static int map(const uint64_t *a)
{
	uint64_t at = 0;
	int error = raw_unix(SYS_mmap, a, &at);
	if (error != 0 || at == 0)
		return error;
	if (!(a[3] & MAP_FIXED))
		CHECK_EQ(munmap((void *)(at & -P), a[1] + (at & (P - 1))), 0);
	else
		CHECK_EQ(at, a[0]);
	return 0;
}

/* The same calls, where nothing is mapped and the answer is address 0. */
static int map_nothing(const uint64_t *a)
{
	uint64_t at = 77;
	int error = raw_unix(SYS_mmap, a, &at);
	return error == 0 && at != 0 ? TOUCHED : error;
}

static void ranges(void)
{
	const int rw = PROT_READ | PROT_WRITE, there = PRIVATE | MAP_FIXED;
	RUN(map,
		{ "zero", { 0, 0, rw, PRIVATE, NONE, 0 }, EINVAL },
		{ "the length is the last number", { 0, TOP, rw, PRIVATE, NONE, 0 }, EINVAL },
		{ "the length rounds to 0", { 0, LAST + 1, rw, PRIVATE, NONE, 0 }, EINVAL },
		{ "the length is the address space", { 0, USER_END, rw, PRIVATE, NONE, 0 }, ENOMEM },
		{ "the length is all pages", { 0, LAST, rw, PRIVATE, NONE, 0 }, ENOMEM },
		{ "offset and length wrap", { 0, 2 * P, rw, PRIVATE, NONE, LAST }, EINVAL },
		{ "offset and length round-wrap", { 0, P - 1, rw, PRIVATE, NONE, LAST }, EINVAL },
		{ "a misaligned offset", { 0, P, rw, PRIVATE, NONE, 1 }, EINVAL },
		{ "a misaligned hint", { FREE + 1, P, rw, PRIVATE, NONE, 0 }, 0 },
		{ "a hint off the map", { USER_END, P, rw, PRIVATE, NONE, 0 }, 0 },
		{ "a hint in the last page", { TOP, P, rw, PRIVATE, NONE, 0 }, 0 },
		{ "fixed, misaligned", { FREE + 1, P, rw, there, NONE, 0 }, EINVAL },
		{ "fixed, wrapping", { A, WRAP(A), rw, there, NONE, 0 }, EINVAL },
		{ "fixed, round-wrapping", { LAST, P - 1, rw, there, NONE, 0 }, EINVAL },
		{ "fixed, page 0", { 0, P, rw, there, NONE, 0 }, ENOMEM },
		{ "fixed, at the map's end", { USER_END, P, rw, there, NONE, 0 }, ENOMEM },
		{ "fixed, across the map's end", { USER_END - P, 2 * P, rw, there, NONE, 0 }, ENOMEM },
		{ "fixed, the kernel's", { KERNEL_ADDRESS, P, rw, there, NONE, 0 }, ENOMEM },
		{ "fixed, occupied", { A, P, rw, there, NONE, 0 }, 0 });
	RUN(map_nothing,
		{ "zero without UNIX 03", { 0, 0, rw, MAP_ANON | MAP_PRIVATE, NONE, 0 }, 0 },
		{ "zero at the top without UNIX 03", { TOP, 0, rw, MAP_ANON | MAP_PRIVATE, NONE, 0 }, 0 });
	RUN(map,
		{ "no sharing without UNIX 03", { 0, P, rw, MAP_ANON, NONE, 0 }, 0 },
		{ "wrapping without UNIX 03", { A, WRAP(A), rw, MAP_ANON | MAP_FIXED | MAP_PRIVATE, NONE, 0 }, EINVAL });
}

static void flags(void)
{
	const int rw = PROT_READ | PROT_WRITE, r = PROT_READ;
	static const int unknown[] = { 2, 3, 16, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 };
	static const int harmless[] = { MAP_RENAME, MAP_NORESERVE, MAP_RESERVED0080, MAP_NOEXTEND, MAP_HASSEMAPHORE,
					MAP_NOCACHE, MAP_32BIT };
	for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
		RUN(map, { "an unknown flag", { 0, P, rw, PRIVATE | (uint32_t)1 << unknown[i], NONE, 0 }, EINVAL });
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		RUN(map, { "a flag without effect", { 0, P, rw, PRIVATE | harmless[i], NONE, 0 }, 0 });
	RUN(map,
		{ "neither shared nor private", { 0, P, rw, U | MAP_ANON, NONE, 0 }, EINVAL },
		{ "shared and private", { 0, P, rw, PRIVATE | MAP_SHARED, NONE, 0 }, 0 },
		{ "JIT", { 0, P, rw, PRIVATE | MAP_JIT, NONE, 0 }, 0 },
		{ "JIT, fixed", { FREE, P, rw, PRIVATE | MAP_JIT | MAP_FIXED, NONE, 0 }, EINVAL },
		{ "JIT, shared", { 0, P, rw, SHARED | MAP_JIT, NONE, 0 }, EINVAL },
		{ "JIT of a file", { 0, P, r, U | MAP_PRIVATE | MAP_JIT, NONE, 0 }, EINVAL },
		{ "JIT, TPRO", { 0, P, rw, PRIVATE | MAP_JIT | MAP_TPRO, NONE, 0 }, EINVAL },
		{ "JIT, resilient", { 0, P, rw, PRIVATE | MAP_JIT | MAP_RESILIENT_MEDIA, NONE, 0 }, EINVAL },
		{ "resilient against code signing, anonymous", { 0, P, rw, PRIVATE | MAP_RESILIENT_CODESIGN, NONE, 0 }, EINVAL },
		{ "resilient against media, anonymous", { 0, P, rw, PRIVATE | MAP_RESILIENT_MEDIA, NONE, 0 }, EINVAL },
		{ "resilient and TPRO", { 0, P, rw, U | MAP_PRIVATE | MAP_TPRO | MAP_RESILIENT_MEDIA, NONE, 0 }, EINVAL },
		{ "TPRO, executable", { 0, P, PROT_WRITE | PROT_EXEC, PRIVATE | MAP_TPRO, NONE, 0 }, EPERM },
		{ "TPRO, read-only", { 0, P, r, PRIVATE | MAP_TPRO, NONE, 0 }, EPERM },
		{ "translated code", { 0, P, rw, PRIVATE | MAP_TRANSLATED_ALLOW_EXECUTE, NONE, 0 }, EINVAL },
		{ "protection bits that are passed over", { 0, P, r | 0xf8, PRIVATE, NONE, 0 }, 0 },
		{ "writable and executable", { 0, P, PROT_WRITE | PROT_EXEC, PRIVATE, NONE, 0 }, BY_MACHINE(0, EACCES) });
	/* What the descriptor of anonymous memory may carry. */
	static const uint32_t carried[] = { VM_MAKE_TAG(VM_MEMORY_MALLOC), VM_FLAGS_PURGABLE, VM_FLAGS_4GB_CHUNK, 0 };
	static const uint32_t refused[] = { 1, 8, 0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000, 0x4000,
					    0x8000, 0x70000, 0x80000, 0x100000, 0x200000, 0x400000, 0x800000 };
	for (size_t i = 0; i < sizeof carried / sizeof *carried; i++)
		RUN(map, { "a descriptor that says how", { 0, P, rw, PRIVATE, carried[i], 0 }, 0 });
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		RUN(map, { "a descriptor that is none", { 0, P, rw, PRIVATE, refused[i], 0 }, EINVAL });
	RUN(map,
		{ "superpages of 2 MiB", { 0, 2 << 20, rw, PRIVATE, VM_FLAGS_SUPERPAGE_SIZE_2MB, 0 }, BY_MACHINE(0, EINVAL) },
		{ "superpages of 2 MiB, another size", { 0, P, rw, PRIVATE, VM_FLAGS_SUPERPAGE_SIZE_2MB, 0 }, EINVAL },
		{ "superpages of any size", { 0, P, rw, PRIVATE, VM_FLAGS_SUPERPAGE_SIZE_ANY, 0 }, BY_MACHINE(0, EINVAL) });
}

static void descriptors(void)
{
	const int r = PROT_READ, w = PROT_WRITE, x = PROT_EXEC;
	const int private = U | MAP_PRIVATE, shared = U | MAP_SHARED;
	int ends[2];
	uint64_t reader = open("/etc/motd", O_RDONLY), writer = open("/tmp/arguments_mmap", O_CREAT | O_WRONLY, 0600);
	uint64_t null = open("/dev/null", O_RDWR), folder = open("/", O_RDONLY);
	CHECK((int)reader >= 0 && (int)writer >= 0 && (int)null >= 0 && (int)folder >= 0);
	CHECK_EQ(pipe(ends), 0);
	RUN(map,
		{ "descriptor -1", { 0, P, r, private, NONE, 0 }, EBADF },
		{ "a closed descriptor", { 0, P, r, private, 77, 0 }, EBADF },
		{ "a pipe", { 0, P, r, private, (uint64_t)ends[0], 0 }, EINVAL },
		{ "a folder", { 0, P, r, private, folder, 0 }, EINVAL },
		{ "a device", { 0, P, r, private, null, 0 }, ENODEV },
		{ "a file", { 0, P, r, private, reader, 0 }, 0 },
		{ "a file that is only written", { 0, P, r, private, writer, 0 }, EACCES },
		{ "a file that is only written, shared", { 0, P, w, shared, writer, 0 }, EACCES },
		{ "a private copy of a file that is only read", { 0, P, w, private, reader, 0 }, 0 },
		{ "writing into a file that is only read", { 0, P, w, shared, reader, 0 }, EACCES },
		{ "a misaligned offset", { 0, P, r, private, reader, 1 }, EINVAL },
		{ "a misaligned offset without UNIX 03", { 0, P, r, MAP_PRIVATE, reader, 1 }, 0 },
		{ "resilient code that is executed", { 0, P, r | x, private | MAP_RESILIENT_CODESIGN, reader, 0 }, EPERM },
		{ "resilient code that is written", { 0, P, w, shared | MAP_RESILIENT_CODESIGN, reader, 0 }, EPERM },
		{ "flags before the descriptor", { 0, P, r, private | 1 << 20, 77, 0 }, EINVAL },
		{ "the range before the descriptor", { FREE + 1, P, r, private | MAP_FIXED, 77, 0 }, EINVAL });
	CHECK_EQ(unlink("/tmp/arguments_mmap"), 0);
}

int main(void)
{
	ranges();
	flags();
	descriptors();
	return finish();
}
