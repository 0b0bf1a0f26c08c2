// SPDX-License-Identifier: MIT
/*
 * PID 1 of the proof VM: carries out one request at a time that arrives on the second serial port, and answers with one
 * reply. It decides nothing; the order of a proof and its verdict are the host's (packages/prove/src).
 *
 * What may hang (loading, unloading, writing to sysfs, the author's commands) runs in a child with a time limit, so that
 * PID 1 can still say where the child is stuck. Numbers are little-endian. See src/guest/protocol.ts for both frames.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum { OP_LOAD = 1, OP_UNLOAD, OP_WRITE, OP_READ, OP_RUN, OP_WAIT, OP_LOG, OP_TASKS, OP_PUT, OP_RESUME, OP_WATCH };
enum { FLAG_TIMED_OUT = 1, FLAG_STUCK = 2, FLAG_SIGNALLED = 4 };

#define REQUEST_MAGIC 0x51504c4bu /* "KLPQ" */
#define MAX_PAYLOAD 65536u
#define MAX_OUTPUT (1u << 20)

struct request {
	uint32_t magic, seq, op, timeout_ms, limit, len;
};

struct reply {
	char nonce[16];
	uint32_t seq;
	int32_t status; /* errno of the operation, or the exit code (signal with FLAG_SIGNALLED) of a command */
	uint32_t flags;
	uint32_t len;
	uint64_t total; /* bytes that there were; more than len when the output was cut */
	uint64_t start_ns, end_ns; /* CLOCK_MONOTONIC */
};

static char nonce[16];
static int port = -1, kmsg = -1;
static char payload[MAX_PAYLOAD + 1];
static char *output;
static size_t output_len;
static uint64_t output_total;
static size_t output_limit;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + t.tv_nsec;
}

static void put(const void *data, size_t len)
{
	size_t room = output_limit - output_len;

	output_total += len;
	if (len > room)
		len = room;
	memcpy(output + output_len, data, len);
	output_len += len;
}

static void putf(const char *format, ...)
{
	char line[512];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	put(line, len < (int)sizeof(line) ? len : (int)sizeof(line) - 1);
}

static int write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			return errno;
		}
		at += n;
		len -= n;
	}
	return 0;
}

static int read_all(int fd, void *data, size_t len)
{
	char *at = data;

	while (len) {
		ssize_t n = read(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EPIPE;
		at += n;
		len -= n;
	}
	return 0;
}

/* The whole of a small file, into what the reply carries. */
static int put_file(const char *path)
{
	char chunk[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return errno;
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		put(chunk, n);
	n = n < 0 ? errno : 0;
	close(fd);
	return n;
}

/*
 * Which task is in which state of a transition, sampled while requests wait: a line for every change, "ns pid tid state name",
 * and "ns 0 0 -1 -" when no transition is under way any more. A task's state is -1 outside transitions, else 0 or 1.
 */
#define MOST_TASKS 8192
#define MOST_WATCHED (1u << 20)

static struct {
	int tid;
	signed char state;
	unsigned char round;
} tasks[MOST_TASKS];
static unsigned task_count;
static unsigned char round_of_samples;
static int is_watching, is_moving;
static char *watched;
static size_t watched_len;
/* Looks grow rarer, up to eight times, while nothing changes. */
static uint64_t last_sample, sample_ns, pause_ns;

static int read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return -1;
	text[n] = 0;
	while (n > 0 && text[n - 1] == '\n')
		text[--n] = 0;
	return 0;
}

static void watched_line(const char *pid, const char *tid, int state, const char *name)
{
	int len = snprintf(watched + watched_len, MOST_WATCHED - watched_len, "%llu %s %s %d %s\n",
			   (unsigned long long)last_sample, pid, tid, state, name);

	/* A line that does not fit is left out, and so are all after it. */
	if (len > 0 && watched_len + len < MOST_WATCHED)
		watched_len += len;
}

static void sample_task(const char *pid, const char *tid)
{
	static unsigned at;
	char path[96], text[64];
	int id = atoi(tid), state;
	unsigned i;

	snprintf(path, sizeof(path), "/proc/%.20s/task/%.20s/patch_state", pid, tid);
	if (read_text(path, text, sizeof(text)))
		return;
	state = atoi(text);
	/* Tasks come in the order of the last round, but for new ones and those that are gone. */
	for (i = 0; i < task_count; i++) {
		if (++at >= task_count)
			at = 0;
		if (tasks[at].tid == id)
			break;
	}
	if (i == task_count) {
		if (task_count == MOST_TASKS)
			return;
		at = task_count++;
		tasks[at].tid = id;
		tasks[at].state = -1;
	}
	tasks[at].round = round_of_samples;
	if (tasks[at].state == state)
		return;
	tasks[at].state = state;
	snprintf(path, sizeof(path), "/proc/%.20s/task/%.20s/comm", pid, tid);
	watched_line(pid, tid, state, read_text(path, text, sizeof(text)) ? "?" : text);
}

static void sample(void)
{
	DIR *processes, *threads;
	struct dirent *process, *thread;
	uint64_t now = now_ns(), rest, pause_before = pause_ns;
	char text[64], path[64];
	size_t len_before;

	if (!is_watching || now - last_sample < pause_ns)
		return;
	last_sample = now;
	pause_ns = sample_ns;
	/* Init has a state of its own during every transition. */
	if (read_text("/proc/self/patch_state", text, sizeof(text)) || !strcmp(text, "-1")) {
		if (is_moving)
			watched_line("0", "0", -1, "-");
		is_moving = 0;
		task_count = 0;
		return;
	}
	rest = pause_before * 2;
	len_before = watched_len;
	is_moving = 1;
	round_of_samples++;
	processes = opendir("/proc");
	while (processes && (process = readdir(processes))) {
		if (process->d_name[0] < '0' || process->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/task", process->d_name);
		threads = opendir(path);
		while (threads && (thread = readdir(threads)))
			if (thread->d_name[0] != '.')
				sample_task(process->d_name, thread->d_name);
		if (threads)
			closedir(threads);
	}
	if (processes)
		closedir(processes);
	for (unsigned i = 0; i < task_count; i++) {
		if (tasks[i].round == round_of_samples)
			continue;
		snprintf(text, sizeof(text), "%d", tasks[i].tid);
		watched_line("0", text, -1, "-");
		tasks[i--] = tasks[--task_count];
	}
	if (watched_len == len_before)
		pause_ns = rest < 8 * sample_ns ? rest : 8 * sample_ns;
	/* The walk took its time: the next is due that much later. */
	last_sample = now_ns();
}

/* Gives what was seen since the last time; then goes on ("take"), ends ("0"), or begins anew, a sample every so many milliseconds. */
static int do_watch(const char *how)
{
	if (!watched)
		watched = malloc(MOST_WATCHED);
	if (!watched)
		return ENOMEM;
	put(watched, watched_len);
	watched_len = 0;
	if (strcmp(how, "take")) {
		is_watching = atoi(how) > 0;
		pause_ns = sample_ns = atoi(how) * 1000000ull;
		is_moving = 0;
		task_count = 0;
	}
	return 0;
}

static int do_load(const char *path, const char *params)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	return syscall(SYS_finit_module, fd, params, 0) ? errno : 0;
}

static int do_write(const char *path, const char *data)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	return write(fd, data, strlen(data)) < 0 ? errno : 0;
}

static int do_run(const char *command)
{
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	return errno;
}

/* What init shares with its children; so is `output`. */
static struct {
	int result; /* errno of what a child did; -1: it has not come back, or was a command, whose exit code cannot hold an errno */
	volatile int is_over; /* the command has ended: its reader ends with what is there */
	size_t len; /* of the output that its reader has read, and of all that there was */
	uint64_t total;
} *shared;

/*
 * Reads what a command writes, in a process of its own. A task that hangs in the kernel while it writes, such as in sendfile() from a file
 * whose function is patched, keeps the pipe locked, and whoever reads from that pipe hangs as well.
 */
static void read_output(int fd)
{
	char chunk[4096];
	ssize_t n;
	int is_last;

	do {
		struct pollfd wait = { fd, POLLIN, 0 };

		is_last = shared->is_over;
		if (!is_last)
			poll(&wait, 1, 20);
		while ((n = read(fd, chunk, sizeof(chunk))) > 0) {
			put(chunk, n);
			shared->len = output_len;
			shared->total = output_total;
		}
		/* Something in the background may keep the pipe open when the command has ended. */
	} while (n < 0 && !is_last);
}

/* Waits for the end of a child, but no longer than a moment. */
static void await_child(void)
{
	struct timespec moment = { 0, 20000000 };
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigtimedwait(&signals, NULL, &moment);
}

static int fork_child(void)
{
	sigset_t signals;
	int pid = fork();

	if (!pid) {
		sigemptyset(&signals);
		sigprocmask(SIG_SETMASK, &signals, NULL);
	}
	return pid;
}

/* Whether a thread is in this state of a transition. */
static int in_state(const char *task, const void *wanted)
{
	char path[96], text[64];

	snprintf(path, sizeof(path), "%.80s/patch_state", task);
	return !read_text(path, text, sizeof(text)) && !strcmp(text, wanted);
}

/* Whether a thread belongs to a group of processes and lives. */
static int in_group(const char *task, const void *group)
{
	char path[96], text[512], *behind, state;
	int of;

	snprintf(path, sizeof(path), "%.80s/stat", task);
	if (read_text(path, text, sizeof(text)))
		return 0;
	/* The name, which may hold anything, ends with the last bracket; state, parent and group follow. */
	behind = strrchr(text, ')');
	return behind && sscanf(behind + 1, " %c %*d %d", &state, &of) == 2 && of == *(const int *)group &&
	       state != 'Z' && state != 'X';
}

/* Every thread that is wanted: pid, tid, name and stack, the threads parted by NUL. */
static void list_tasks(int (*is_wanted)(const char *task, const void *data), const void *data)
{
	DIR *processes = opendir("/proc");
	struct dirent *process, *thread;

	while (processes && (process = readdir(processes))) {
		char path[96], task[80];
		DIR *threads;

		if (process->d_name[0] < '0' || process->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/task", process->d_name);
		threads = opendir(path);
		while (threads && (thread = readdir(threads))) {
			if (thread->d_name[0] == '.')
				continue;
			snprintf(task, sizeof(task), "/proc/%.20s/task/%.20s", process->d_name, thread->d_name);
			if (!is_wanted(task, data))
				continue;
			putf("%.20s %.20s ", process->d_name, thread->d_name);
			snprintf(path, sizeof(path), "%s/comm", task);
			put_file(path);
			snprintf(path, sizeof(path), "%s/stack", task);
			put_file(path);
			put("", 1);
		}
		if (threads)
			closedir(threads);
	}
	if (processes)
		closedir(processes);
}

/* What a request that did not come back in time was in, as list_tasks() gives it; the next request that may hang empties it. */
static char late[65536];
static size_t late_len;

/* Keeps what the tasks of a group are in. The output, of which there may be any amount already, stays as it is. */
static void keep_late(int group)
{
	char *kept = output;
	size_t kept_len = output_len, kept_limit = output_limit;
	uint64_t kept_total = output_total;

	output = late;
	output_len = 0;
	output_limit = sizeof(late);
	list_tasks(in_group, &group);
	late_len = output_len;
	output = kept;
	output_len = kept_len;
	output_limit = kept_limit;
	output_total = kept_total;
}

/* Carries out a request in a child of its own session. */
static int in_child(uint32_t op, uint32_t timeout_ms, const char *a, const char *b, uint32_t *flags)
{
	uint64_t deadline = now_ns() + (uint64_t)timeout_ms * 1000000u;
	int pipes[2] = { -1, -1 }, pid, reader = -1, status = 0, done = 0;

	memset(shared, 0, sizeof(*shared));
	shared->result = -1;
	late_len = 0;
	if (op == OP_RUN) {
		if (pipe2(pipes, O_CLOEXEC))
			return errno;
		fcntl(pipes[0], F_SETFL, O_NONBLOCK);
		reader = fork_child();
		if (!reader) {
			prctl(PR_SET_NAME, "reader");
			close(pipes[1]);
			read_output(pipes[0]);
			_exit(0);
		}
	}
	pid = fork_child();
	if (!pid) {
		int null = open("/dev/null", O_RDWR);

		setsid();
		/* The kernel's messages and the stacks of what hangs name the task. */
		prctl(PR_SET_NAME, op == OP_LOAD ? "insmod" : op == OP_UNLOAD ? "rmmod" : op == OP_WRITE ? "write" : "sh");
		dup2(null, 0);
		dup2(op == OP_RUN ? pipes[1] : null, 1);
		dup2(op == OP_RUN ? pipes[1] : null, 2);
		shared->result = op == OP_LOAD ? do_load(a, b) :
				 op == OP_UNLOAD ? (syscall(SYS_delete_module, a, O_NONBLOCK) ? errno : 0) :
				 op == OP_WRITE ? do_write(a, b) : do_run(a);
		_exit(0);
	}
	if (op == OP_RUN) {
		close(pipes[0]);
		close(pipes[1]);
	}
	while (pid > 0 && !done) {
		await_child();
		sample();
		done = waitpid(pid, &status, WNOHANG) == pid;
		if (!done && now_ns() > deadline) {
			*flags |= FLAG_TIMED_OUT;
			keep_late(pid);
			break;
		}
	}
	if (pid > 0)
		kill(-pid, SIGKILL);
	if (*flags & FLAG_TIMED_OUT) {
		/* A shell may be gone while what it started is not. */
		int left = 1;

		for (int i = 0; i < 50 && left; i++) {
			await_child();
			done = done || waitpid(pid, &status, WNOHANG) == pid;
			/* What it leaves behind becomes a child of this process. */
			while (done && waitpid(-pid, NULL, WNOHANG) > 0)
				;
			left = !done || !kill(-pid, 0);
		}
		if (left)
			*flags |= FLAG_STUCK;
	}
	if (reader > 0) {
		int left = 50;

		shared->is_over = 1;
		while (waitpid(reader, NULL, WNOHANG) == 0 && left--)
			await_child();
		if (left < 0)
			kill(reader, SIGKILL);
		output_len = shared->len;
		output_total = shared->total;
	}
	if (pid < 0 || (reader < 0 && op == OP_RUN))
		return EAGAIN;
	if (shared->result >= 0)
		return shared->result;
	if (done && WIFSIGNALED(status)) {
		*flags |= FLAG_SIGNALLED;
		return WTERMSIG(status);
	}
	return done ? WEXITSTATUS(status) : 0;
}

/* Waits until a file's text is `wanted`, or, with an empty `wanted`, until it is gone; ETIMEDOUT gives the last text. */
static int do_wait(const char *path, const char *wanted, uint32_t timeout_ms)
{
	uint64_t deadline = now_ns() + (uint64_t)timeout_ms * 1000000u;
	unsigned pause_us = 1000;

	for (;;) {
		char text[256];
		ssize_t n = -1;
		int error = 0, fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd >= 0) {
			n = read(fd, text, sizeof(text) - 1);
			error = n < 0 ? errno : 0;
			close(fd);
		} else {
			error = errno;
		}
		while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
			n--;
		if (n >= 0)
			text[n] = 0;
		if (*wanted ? n >= 0 && !strcmp(text, wanted) : error == ENOENT || error == ENODEV)
			return 0;
		if (now_ns() > deadline) {
			if (n > 0)
				put(text, n);
			return error ? error : ETIMEDOUT;
		}
		sample();
		usleep(pause_us);
		if (pause_us < 20000)
			pause_us *= 2;
	}
}

/* New records of the kernel's log, each as /dev/kmsg gives it, with a NUL behind it. */
static int do_log(void)
{
	static char record[8192];

	for (;;) {
		ssize_t n = read(kmsg, record, sizeof(record));

		if (n < 0 && errno == EPIPE)
			continue; /* overwritten before it was read: the host sees the gap in the numbers */
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : errno;
		if (n == 0)
			return 0;
		put(record, n);
		put("", 1);
	}
}

/* The tasks that a transition waits for: those whose state is `wanted`, or, with "late", what hung in the last request. */
static int do_tasks(const char *wanted)
{
	if (!strcmp(wanted, "late")) {
		put(late, late_len);
		return 0;
	}
	list_tasks(in_state, wanted);
	return 0;
}

/* Memory that the host shares with the VM: the second BAR of QEMU's ivshmem-plain, which no driver of the kernel takes. */
static const char *shared_memory(size_t *size)
{
	static char *memory;
	static size_t memory_size;
	const char *folder = "/sys/bus/pci/devices";
	struct dirent *device;
	DIR *devices;

	*size = memory_size;
	if (memory)
		return memory;
	devices = opendir(folder);
	if (!devices)
		return NULL;
	while (!memory && (device = readdir(devices))) {
		char path[320], id[32] = "";
		struct stat st;
		int fd;

		snprintf(path, sizeof(path), "%s/%.200s/modalias", folder, device->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, id, sizeof(id) - 1) < 0)
			id[0] = 0;
		close(fd);
		if (strncmp(id, "pci:v00001AF4d00001110", 22))
			continue;
		snprintf(path, sizeof(path), "%s/%.200s/resource2", folder, device->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0 || fstat(fd, &st))
			break;
		memory = mmap(NULL, st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
		if (memory == MAP_FAILED) {
			memory = NULL;
			break;
		}
		*size = memory_size = st.st_size;
	}
	closedir(devices);
	return memory;
}

/* Makes a file of what the host has put into shared memory; `how`: its offset there, its size and its mode. */
static int do_put(char *path, const char *how)
{
	size_t room, offset, size;
	unsigned mode;
	const char *memory = shared_memory(&room);
	int fd, error;

	if (!memory)
		return errno ? errno : ENODEV;
	if (sscanf(how, "%zu %zu %o", &offset, &size, &mode) != 3 || offset > room || size > room - offset)
		return EINVAL;
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		mkdir(path, 0755);
		*slash = '/';
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	error = write_all(fd, memory + offset, size);
	if (!error && fchmod(fd, mode & 07777))
		error = errno;
	if (close(fd) && !error)
		error = errno;
	return error;
}

static int from_hex(const char *text, void *data, size_t len)
{
	unsigned char *at = data;

	for (size_t i = 0; i < len; i++)
		if (sscanf(text + 2 * i, "%2hhx", at + i) != 1)
			return EINVAL;
	return 0;
}

/*
 * The VM goes on from a saved state: a nonce of its own, the time of day, and random numbers that no other run has.
 * `now`: seconds since 1970, then 32 bytes in hexadecimal.
 */
static int do_resume(const char *new_nonce, const char *now)
{
	struct {
		struct rand_pool_info info;
		unsigned char bytes[32];
	} pool = { .info = { .entropy_count = 256, .buf_size = 32 } };
	struct timespec t = { 0 };
	char *bytes;
	int fd, error = 0;

	if (strlen(new_nonce) != 2 * sizeof(nonce))
		return EINVAL;
	t.tv_sec = strtoll(now, &bytes, 10);
	if (*bytes != ' ' || strlen(bytes + 1) != 2 * sizeof(pool.bytes) ||
	    from_hex(bytes + 1, pool.info.buf, sizeof(pool.bytes)) || from_hex(new_nonce, nonce, sizeof(nonce)))
		return EINVAL;
	clock_settime(CLOCK_REALTIME, &t);
	fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (ioctl(fd, RNDADDENTROPY, &pool) || ioctl(fd, RNDRESEEDCRNG))
		error = errno;
	close(fd);
	return error;
}

static void answer(const struct request *q, int status, uint32_t flags, uint64_t start)
{
	struct reply r = { .seq = q->seq, .status = status, .flags = flags, .len = output_len,
			   .total = output_total, .start_ns = start, .end_ns = now_ns() };

	memcpy(r.nonce, nonce, sizeof(nonce));
	write_all(port, &r, sizeof(r));
	write_all(port, output, output_len);
}

static void serve(const struct request *q)
{
	char *a = payload;
	const char *b = "";
	size_t a_len = strnlen(payload, q->len);
	uint64_t start = now_ns();
	uint32_t flags = 0;
	int status = ENOSYS;

	payload[q->len] = 0;
	if (a_len < q->len)
		b = payload + a_len + 1;
	output_len = 0;
	output_total = 0;
	output_limit = q->limit < MAX_OUTPUT ? q->limit : MAX_OUTPUT;
	switch (q->op) {
	case OP_LOAD:
	case OP_UNLOAD:
	case OP_WRITE:
	case OP_RUN:
		status = in_child(q->op, q->timeout_ms, a, b, &flags);
		break;
	case OP_READ:
		status = put_file(a);
		break;
	case OP_WAIT:
		status = do_wait(a, b, q->timeout_ms);
		break;
	case OP_LOG:
		status = do_log();
		break;
	case OP_TASKS:
		status = do_tasks(a);
		break;
	case OP_PUT:
		errno = 0;
		status = do_put(a, b);
		break;
	case OP_WATCH:
		status = do_watch(a);
		break;
	case OP_RESUME:
		status = do_resume(a, b);
		break;
	}
	answer(q, status, flags, start);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static void fail(const char *what)
{
	fprintf(stderr, "klpkit init: %s: %s\n", what, strerror(errno));
	for (;;)
		pause();
}

int main(void)
{
	struct request q = { 0 };
	struct termios raw;
	sigset_t signals;
	int fd;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL);
	mount("tmp", "/tmp", "tmpfs", 0, NULL);
	fd = open("/dev/console", O_RDWR);
	if (fd >= 0) {
		dup2(fd, 0);
		dup2(fd, 1);
		dup2(fd, 2);
		if (fd > 2)
			close(fd);
	}
	setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	setenv("HOME", "/tmp", 1);
	setenv("LC_ALL", "C", 1);

	fd = open("/nonce", O_RDONLY);
	if (fd < 0 || read_all(fd, nonce, sizeof(nonce)))
		fail("/nonce");
	close(fd);
	unlink("/nonce");
	output = mmap(NULL, MAX_OUTPUT, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	port = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (output == MAP_FAILED || shared == MAP_FAILED || port < 0 || tcgetattr(port, &raw))
		fail("/dev/ttyS1");
	/* Nothing else in the VM is to write there. */
	unlink("/dev/ttyS1");
	cfmakeraw(&raw);
	cfsetspeed(&raw, B115200);
	tcsetattr(port, TCSANOW, &raw);

	do_write("/proc/sys/kernel/printk", "1");
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0)
		fail("/dev/kmsg");
	lseek(kmsg, 0, SEEK_END);

	/* The first reply, of no request: ready. */
	answer(&q, 0, 0, now_ns());
	for (;;) {
		if (read_all(port, &q, sizeof(q)))
			fail("reading a request");
		if (q.magic != REQUEST_MAGIC || q.len > MAX_PAYLOAD) {
			errno = EPROTO;
			fail("a request");
		}
		if (read_all(port, payload, q.len))
			fail("reading a request");
		serve(&q);
	}
}
