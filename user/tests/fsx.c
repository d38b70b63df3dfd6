/* One file, two processes, each with its own descriptor and mapping, that take turns: random writes, reads, truncations, mappings,
 * msyncs and fsyncs against a model that both share. fsx [FILE [STEPS [SEED]]] */
#include "test.h"
#include <fcntl.h>
#include <sys/stat.h>

enum { MOST = 256 << 10, TURN = 50 };

struct model {
	uint64_t seed;
	size_t size;
	long step;
	char bytes[MOST];
};

static struct model *model;
static const char *path = "/fsx.data";
static int fd = -1;
static char *mapped, *buffer;

static uint64_t next(void)
{
	uint64_t x = model->seed;
	x ^= x << 13, x ^= x >> 7, x ^= x << 17;
	return model->seed = x;
}

static void same(const char *got, size_t at, size_t count, const char *way)
{
	if (memcmp(got, model->bytes + at, count) == 0)
		return;
	size_t i = 0;
	while (got[i] == model->bytes[at + i])
		i++;
	dprintf(1, "step %ld: %s of %zu bytes at %zu: byte %zu is %#x, not %#x (size %zu)\n", model->step, way, count, at, at + i,
		(unsigned char)got[i], (unsigned char)model->bytes[at + i], model->size);
	_exit(1);
}

static void reopen(void)
{
	if (fd >= 0)
		CHECK_EQ(close(fd), 0);
	fd = open(path, O_RDWR);
	CHECK(fd >= 0);
}

static void remap(void)
{
	if (mapped != NULL)
		CHECK_EQ(munmap(mapped, MOST), 0);
	mapped = mmap(NULL, MOST, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(mapped != MAP_FAILED);
}

static void step(void)
{
	size_t at = next() % MOST, count = next() % 20000;
	char byte = (char)next();
	if (count > MOST - at)
		count = MOST - at;
	size_t inside = at >= model->size ? 0 : count < model->size - at ? count : model->size - at;
	model->step++;
	switch (next() % 16) {
	case 0:
		CHECK_EQ(ftruncate(fd, at), 0);
		if (at < model->size)
			memset(model->bytes + at, 0, model->size - at);
		model->size = at;
		break;
	case 1:
	case 2:
	case 3:
		memset(buffer, byte, count);
		CHECK_EQ(pwrite(fd, buffer, count, at), count);
		memset(model->bytes + at, byte, count);
		if (count > 0 && at + count > model->size)
			model->size = at + count;
		break;
	case 4:
	case 5:
	case 6:
		memset(mapped + at, byte, inside);
		memset(model->bytes + at, byte, inside);
		break;
	case 7:
		remap();
		break;
	case 8:
		CHECK_EQ(msync(mapped, MOST, next() % 2 ? MS_SYNC : MS_SYNC | MS_INVALIDATE), 0);
		break;
	case 9:
		if (next() % 8 == 0)
			CHECK_EQ(fsync(fd), 0);
		break;
	case 10:
		reopen();
		break;
	case 11: {
		CHECK_EQ(fcntl(fd, F_NOCACHE, 1), 0);
		CHECK_EQ(pread(fd, buffer, count, at), inside);
		CHECK_EQ(fcntl(fd, F_NOCACHE, 0), 0);
		same(buffer, at, inside, "uncached read");
		break;
	}
	case 12:
	case 13:
		same(mapped + at, at, inside, "mapped read");
		break;
	default:
		CHECK_EQ(pread(fd, buffer, count, at), inside);
		same(buffer, at, inside, "read");
		struct stat st;
		CHECK_EQ(fstat(fd, &st), 0);
		CHECK_EQ(st.st_size, model->size);
	}
}

static void turns(int take, int give, long steps)
{
	char token;
	reopen();
	remap();
	while (read(take, &token, 1) == 1 && model->step < steps) {
		for (int i = 0; i < TURN; i++)
			step();
		CHECK_EQ(write(give, &token, 1), 1);
	}
	/* The other one ends too. */
	write(give, &token, 1);
	munmap(mapped, MOST);
	close(fd);
}

int main(int argc, char **argv)
{
	long steps = 4000;
	if (argc > 1)
		path = argv[1];
	if (argc > 2)
		steps = atol(argv[2]);
	model = mmap(NULL, sizeof *model, PROT_READ | PROT_WRITE, MAP_ANON | MAP_SHARED, -1, 0);
	CHECK(model != MAP_FAILED);
	model->seed = argc > 3 ? strtoull(argv[3], NULL, 0) : 88172645463325252ull;
	buffer = malloc(MOST);
	int made = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	CHECK(made >= 0);
	CHECK_EQ(close(made), 0);
	int first[2], second[2];
	CHECK_EQ(pipe(first), 0);
	CHECK_EQ(pipe(second), 0);
	signal(SIGPIPE, SIG_IGN);
	pid_t pid = fork();
	CHECK(pid >= 0);
	if (pid == 0) {
		close(first[1]);
		close(second[0]);
		turns(first[0], second[1], steps);
		_exit(0);
	}
	close(first[0]);
	close(second[1]);
	CHECK_EQ(write(first[1], "x", 1), 1);
	turns(second[0], first[1], steps);
	close(first[1]);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK(model->step >= steps);
	/* What is on the disk at the end is the model. */
	fd = open(path, O_RDONLY);
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(pread(fd, buffer, MOST, 0), model->size);
	same(buffer, 0, model->size, "last read");
	CHECK_EQ(close(fd), 0);
	if (argc == 1)
		CHECK_EQ(unlink(path), 0);
	return 0;
}
