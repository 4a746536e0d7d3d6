/* SPDX-License-Identifier: MIT */
/* Uses enough of an installed libptlib that a missing header, object or liburcu shows. */
#include <stdio.h>

#include <ptlib/ptlib.h>

int main(void)
{
	struct pt_phys *phys;
	int err = pt_phys_create_anon(&phys, 1 << 20);

	if (err) {
		fprintf(stderr, "pt_phys_create_anon: %s\n", pt_strerror(err));
		return 1;
	}
	pt_phys_destroy(phys);
	return 0;
}
