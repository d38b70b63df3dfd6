/* Mutexes, condition variables, reader-writer locks; malloc and stdio from many threads. */
#include "threads.h"

#define THREADS 8
#define ROUNDS 20000

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static volatile long counter;
static volatile int turn, waiting, woken;

static void *count(void *argument)
{
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_EQ(pthread_mutex_lock(argument), 0);
		long value = counter;
		/* A thread that loses its turn here loses counts without the lock. */
		for (volatile int n = 0; n < 10; n++)
			;
		counter = value + 1;
		CHECK_EQ(pthread_mutex_unlock(argument), 0);
	}
	return NULL;
}

static void all(void *(*f)(void *), void *argument)
{
	pthread_t threads[THREADS];
	for (long i = 0; i < THREADS; i++)
		threads[i] = started(f, argument ? argument : (void *)i);
	for (int i = 0; i < THREADS; i++)
		joined(threads[i]);
}

static void *try(void *argument)
{
	CHECK_EQ(pthread_mutex_trylock(argument), EBUSY);
	CHECK_EQ(pthread_mutex_unlock(argument), EPERM);
	return NULL;
}

static void kinds(void)
{
	pthread_mutex_t recursive = PTHREAD_RECURSIVE_MUTEX_INITIALIZER;
	pthread_mutex_t checks;
	pthread_mutexattr_t attr;

	CHECK_EQ(pthread_mutexattr_init(&attr), 0);
	CHECK_EQ(pthread_mutexattr_settype(&attr, 9), EINVAL);
	CHECK_EQ(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK), 0);
	CHECK_EQ(pthread_mutex_init(&checks, &attr), 0);
	CHECK_EQ(pthread_mutex_unlock(&checks), EPERM);
	CHECK_EQ(pthread_mutex_lock(&checks), 0);
	CHECK_EQ(pthread_mutex_lock(&checks), EDEADLK);
	CHECK_EQ(pthread_mutex_trylock(&checks), EBUSY);
	joined(started(try, &checks));
	CHECK_EQ(pthread_mutex_destroy(&checks), EBUSY);
	CHECK_EQ(pthread_mutex_unlock(&checks), 0);
	CHECK_EQ(pthread_mutex_destroy(&checks), 0);
	CHECK_EQ(pthread_mutex_lock(&checks), EINVAL);

	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_mutex_lock(&recursive), 0);
	CHECK_EQ(pthread_mutex_unlock(&recursive), 0);
	CHECK_EQ(pthread_mutex_trylock(&recursive), 0);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(pthread_mutex_unlock(&recursive), 0);
		joined(started(try, &recursive));
	}
	CHECK_EQ(pthread_mutex_unlock(&recursive), 0);
	CHECK_EQ(pthread_mutex_unlock(&recursive), EPERM);
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	CHECK_EQ(pthread_mutex_trylock(&mutex), EBUSY);
	CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
}

static void *pong(void *argument)
{
	int mine = (int)(long)argument;
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	for (int i = 0; i < 2000; i++) {
		while (turn != mine)
			CHECK_EQ(pthread_cond_wait(&cond, &mutex), 0);
		turn = 1 - mine;
		CHECK_EQ(pthread_cond_signal(&cond), 0);
	}
	CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
	return NULL;
}

static void *await_turn(void *argument)
{
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	waiting++;
	while (turn != 7)
		CHECK_EQ(pthread_cond_wait(&cond, &mutex), 0);
	woken++;
	CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
	return argument;
}

static void conditions(void)
{
	pthread_t a = started(pong, (void *)0), b = started(pong, (void *)1);
	joined(a);
	joined(b);
	CHECK_EQ(turn, 0);

	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		threads[i] = started(await_turn, NULL);
	while (waiting < THREADS)
		sched_yield();
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	CHECK_EQ(woken, 0);
	turn = 7;
	CHECK_EQ(pthread_cond_broadcast(&cond), 0);
	CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
	for (int i = 0; i < THREADS; i++)
		joined(threads[i]);
	CHECK_EQ(woken, THREADS);

	struct timespec now, until, after;
	CHECK_EQ(clock_gettime(CLOCK_REALTIME, &now), 0);
	until = now;
	until.tv_nsec += 30 * 1000 * 1000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	CHECK_EQ(pthread_mutex_lock(&mutex), 0);
	CHECK_EQ(pthread_cond_timedwait(&cond, &mutex, &now), ETIMEDOUT);
	CHECK_EQ(pthread_cond_timedwait(&cond, &mutex, &until), ETIMEDOUT);
	CHECK_EQ(clock_gettime(CLOCK_REALTIME, &after), 0);
	CHECK(after.tv_sec > until.tv_sec || (after.tv_sec == until.tv_sec && after.tv_nsec >= until.tv_nsec - 1000));
	until.tv_nsec = 1000000000;
	CHECK_EQ(pthread_cond_timedwait(&cond, &mutex, &until), EINVAL);
	CHECK_EQ(pthread_mutex_unlock(&mutex), 0);
}

static pthread_rwlock_t rw = PTHREAD_RWLOCK_INITIALIZER;
static volatile int readers, writers;

static void *read_and_write(void *argument)
{
	for (int i = 0; i < 300; i++) {
		if ((i + (long)argument) % 4 == 0) {
			CHECK_EQ(pthread_rwlock_wrlock(&rw), 0);
			CHECK(readers == 0 && writers == 0);
			writers++;
			sched_yield();
			CHECK(readers == 0 && writers == 1);
			writers--;
		} else {
			CHECK_EQ(pthread_rwlock_rdlock(&rw), 0);
			CHECK_EQ(writers, 0);
			__atomic_add_fetch(&readers, 1, __ATOMIC_SEQ_CST);
			sched_yield();
			CHECK_EQ(writers, 0);
			__atomic_sub_fetch(&readers, 1, __ATOMIC_SEQ_CST);
		}
		CHECK_EQ(pthread_rwlock_unlock(&rw), 0);
	}
	return argument;
}

static void *read_too(void *argument)
{
	CHECK_EQ(pthread_rwlock_rdlock(&rw), 0);
	CHECK_EQ(pthread_rwlock_unlock(&rw), 0);
	CHECK_EQ(pthread_rwlock_trywrlock(&rw), EBUSY);
	return argument;
}

static void reader_writer(void)
{
	all(read_and_write, NULL);
	CHECK_EQ(pthread_rwlock_unlock(&rw), EPERM);
	CHECK_EQ(pthread_rwlock_rdlock(&rw), 0);
	joined(started(read_too, NULL));
	CHECK_EQ(pthread_rwlock_trywrlock(&rw), EBUSY);
	CHECK_EQ(pthread_rwlock_tryrdlock(&rw), 0);
	CHECK_EQ(pthread_rwlock_unlock(&rw), 0);
	CHECK_EQ(pthread_rwlock_unlock(&rw), 0);
	CHECK_EQ(pthread_rwlock_wrlock(&rw), 0);
	CHECK_EQ(pthread_rwlock_wrlock(&rw), EDEADLK);
	CHECK_EQ(pthread_rwlock_unlock(&rw), 0);
	CHECK_EQ(pthread_rwlock_destroy(&rw), 0);
}

static void *allocate(void *argument)
{
	unsigned seed = (unsigned)(uintptr_t)pthread_self();
	unsigned char *blocks[32] = { 0 };
	size_t sizes[32] = { 0 };
	for (int i = 0; i < 3000; i++) {
		int at = rand_r(&seed) % 32;
		for (size_t n = 0; n < sizes[at]; n += 61)
			CHECK_EQ(blocks[at][n], at + 1);
		free(blocks[at]);
		sizes[at] = 1 + rand_r(&seed) % (i % 50 == 0 ? 100000 : 2000);
		blocks[at] = malloc(sizes[at]);
		CHECK(blocks[at] != NULL);
		memset(blocks[at], at + 1, sizes[at]);
	}
	for (int i = 0; i < 32; i++)
		free(blocks[i]);
	return argument;
}

static FILE *stream;

static void *print(void *argument)
{
	for (int i = 0; i < 200; i++)
		CHECK(fprintf(stream, "%s %d and %s\n", "a line", 12345, "its end") > 0);
	return argument;
}

static void streams(void)
{
	char line[100];
	int lines = 0;
	stream = fopen("/tmp/lines", "w+");
	CHECK(stream != NULL);
	unlink("/tmp/lines"); /* whatever happens, it does not stay */
	CHECK_EQ(setvbuf(stream, NULL, _IOFBF, 0), 0);
	all(print, NULL);
	rewind(stream);
	for (; fgets(line, sizeof line, stream) != NULL; lines++)
		CHECK_EQ(strcmp(line, "a line 12345 and its end\n"), 0);
	CHECK_EQ(lines, 200 * THREADS);
	CHECK_EQ(fclose(stream), 0);
}

/* Two processes, one mutex and one condition variable in memory that they share. */
static void shared(void)
{
	struct both { pthread_mutex_t mutex; pthread_cond_t cond; long turn, count; } *both;
	pthread_mutexattr_t mattr;
	pthread_condattr_t cattr;
	both = mmap(NULL, sizeof *both, PROT_READ | PROT_WRITE, MAP_ANON | MAP_SHARED, -1, 0);
	CHECK(both != MAP_FAILED);
	CHECK_EQ(pthread_mutexattr_init(&mattr), 0);
	CHECK_EQ(pthread_mutexattr_setpshared(&mattr, PTHREAD_PROCESS_SHARED), 0);
	CHECK_EQ(pthread_condattr_init(&cattr), 0);
	CHECK_EQ(pthread_condattr_setpshared(&cattr, PTHREAD_PROCESS_SHARED), 0);
	CHECK_EQ(pthread_mutex_init(&both->mutex, &mattr), 0);
	CHECK_EQ(pthread_cond_init(&both->cond, &cattr), 0);
	pid_t pid = fork();
	CHECK(pid >= 0);
	for (int i = 0; i < 300; i++) {
		long mine = pid == 0;
		CHECK_EQ(pthread_mutex_lock(&both->mutex), 0);
		while (both->turn != mine)
			CHECK_EQ(pthread_cond_wait(&both->cond, &both->mutex), 0);
		both->turn = !mine;
		both->count++;
		CHECK_EQ(pthread_cond_signal(&both->cond), 0);
		CHECK_EQ(pthread_mutex_unlock(&both->mutex), 0);
	}
	if (pid == 0)
		_exit(0);
	int status;
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_EQ(both->count, 600);
}

int main(void)
{
	all(count, &mutex);
	CHECK_EQ(counter, THREADS * ROUNDS);
	kinds();
	conditions();
	reader_writer();
	all(allocate, NULL);
	streams();
	shared();
	return 0;
}
