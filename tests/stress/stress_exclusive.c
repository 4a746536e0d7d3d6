/* SPDX-License-Identifier: MIT */
/* Exclusive mode: one writer that frees tables, lockless readers beside it. */
#include "stress/stress.h"

#define MS_A_CONFIG 700
#define NR_READERS 3

static void readers_see_old_or_new_beside_one_writer(void **state)
{
	struct stress s;
	pthread_t readers[NR_READERS];
	struct stress_owner writer = { .s = &s, .seed = 4711, .index = 0, .nr = 1 };
	time_t end;
	struct timespec now;

	stress_init(&s, *state, PT_MODE_EXCLUSIVE, NULL, NULL);
	for (unsigned int i = 0; i < NR_READERS; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, stress_reader, &s), 0);
	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec * 1000 + now.tv_nsec / 1000000 + MS_A_CONFIG;
	do {
		for (unsigned int i = 0; i < 16; i++)
			stress_step(&writer);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < end || s.reads <= 16);
	atomic_store(&s.stop, true);
	for (unsigned int i = 0; i < NR_READERS; i++)
		pthread_join(readers[i], NULL);
	stress_final(&s);
	print_message("%s: %llu changes, %llu reads held to a state\n", s.config->name,
		      (unsigned long long)stress_ops(&s), (unsigned long long)s.reads);
	stress_exit(&s);
}

#define ON(name) \
	{ "readers_see_old_or_new_beside_one_writer/" name, \
	  readers_see_old_or_new_beside_one_writer, NULL, NULL, (void *)(uintptr_t)name }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON("x86_48"),
		ON("arm_4k_48"),
		ON("arm_4k_48_hd_bbm2"),
		ON("arm_16k_47_upper_bbm2"),
		ON("arm_64k_42_hd"),
		ON("x86_57"),
	};

	return cmocka_run_group_tests_name("stress_exclusive", tests, NULL, NULL);
}
