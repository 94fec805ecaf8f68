/* SPDX-License-Identifier: BSD-3-Clause */
// Frames that the kernel does not take at once are not forgotten: the trunk's flush asks for
// another one. The ring is in memory here, and the kernel a function.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

static ssize_t fake_sendto(int fd, const void *bytes, size_t n, int flags,
        const struct sockaddr *address, socklen_t size);
#define sendto fake_sendto
#include "trunk.c" // NOLINT(bugprone-suspicious-include)
#undef sendto

static struct {
	uint32_t consumer, completion[2];
	uint32_t takes[8]; // frames that the kernel takes, kick by kick
	int errors[8]; // what it says then
	unsigned n_kicks;
	struct trunk trunk; // last: it has a tail
} bed;

static ssize_t fake_sendto(int fd, const void *bytes, size_t n, int flags,
        const struct sockaddr *address, socklen_t size)
{
	unsigned i = bed.n_kicks++;

	assert_true(i < 8);
	bed.consumer += bed.takes[i];
	errno = bed.errors[i];
	return errno != 0 ? -1 : 0;
}

static void open_bed(uint32_t n_frames)
{
	memset(&bed, 0, sizeof(bed));
	bed.trunk.tx.cached_prod = n_frames;
	bed.trunk.tx.consumer = &bed.consumer;
	bed.trunk.completion.producer = &bed.completion[0];
	bed.trunk.completion.consumer = &bed.completion[1];
}

static void expect(unsigned n_kicks, bool dirty)
{
	trunk_tx_flush(&bed.trunk.queue);
	assert_int_equal(bed.n_kicks, n_kicks);
	assert_true(bed.trunk.queue.tx_dirty == dirty);
}

static void test_all_taken(void **state)
{
	open_bed(0);
	expect(0, false);
	open_bed(5);
	bed.takes[0] = 5;
	expect(1, false);
	open_bed(5);
	bed.takes[0] = 3;
	bed.takes[1] = 2;
	bed.errors[0] = EAGAIN;
	expect(2, false);
}

static void test_nothing_taken(void **state)
{
	static const int errors[] = {EAGAIN, EBUSY, EINTR, ENOBUFS, 0};

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		open_bed(5);
		bed.errors[0] = errors[i];
		bed.takes[1] = 4;
		bed.errors[1] = EAGAIN;
		bed.errors[2] = errors[i];
		bed.takes[3] = 1;
		expect(1, true);
		expect(3, true);
		expect(4, false);
	}
}

// A trunk that is down stays so: its worker does not turn in circles.
static void test_refused(void **state)
{
	open_bed(5);
	bed.errors[0] = ENETDOWN;
	expect(1, false);
	assert_int_equal(counted(&bed.trunk.tx_refused), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	        cmocka_unit_test(test_all_taken),
	        cmocka_unit_test(test_nothing_taken),
	        cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
