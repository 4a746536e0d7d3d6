/* SPDX-License-Identifier: MIT */
/* Lists of leaves and their comparison; reading them is in leaves_read.c. */
#include "leaves.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SHOWN 8

void leaves_add(struct leaves *leaves, const struct leaf *leaf)
{
	if (leaves->nr == leaves->room) {
		leaves->room = leaves->room ? 2 * leaves->room : 1024;
		leaves->leaf = realloc(leaves->leaf, leaves->room * sizeof(*leaf));
		if (!leaves->leaf)
			abort();
	}
	leaves->leaf[leaves->nr++] = *leaf;
}

void leaves_add_range(struct leaves *leaves, const struct leaf *leaf, uint64_t end)
{
	struct leaf one = *leaf;

	while (one.va != end) { /* which is 0 behind the last address */
		leaves_add(leaves, &one);
		one.va += one.size;
		one.pa += one.size;
	}
}

void leaves_free(struct leaves *leaves)
{
	free(leaves->leaf);
	*leaves = (struct leaves){ 0 };
}

struct leaves leaves_part(const struct leaves *leaves, uint64_t first, uint64_t last)
{
	struct leaves part = { .leaf = leaves->leaf };
	size_t skipped = 0;

	while (skipped < leaves->nr && leaves->leaf[skipped].va < first)
		skipped++;
	part.leaf += skipped;
	while (skipped + part.nr < leaves->nr && part.leaf[part.nr].va <= last)
		part.nr++;
	return part;
}

static int compare_va(const void *a, const void *b)
{
	const struct leaf *left = a, *right = b;

	return left->va < right->va ? -1 : left->va > right->va;
}

void leaves_sort(struct leaves *leaves)
{
	if (leaves->nr)
		qsort(leaves->leaf, leaves->nr, sizeof(*leaves->leaf), compare_va);
}

/* Whether the lists of types have one in common. */
static bool share_type(const char *a, const char *b)
{
	char name[16];

	if (!a || !b)
		return true;
	while (sscanf(a, " %15s", name) == 1) {
		char word[18];

		snprintf(word, sizeof(word), " %s ", name);
		if (strstr(b, word))
			return true;
		a += strspn(a, " ");
		a += strcspn(a, " ");
	}
	return false;
}

static bool is_same(const struct leaf *truth, const struct leaf *found, unsigned int compared)
{
	unsigned int known = truth->known & found->known & compared;

	return truth->pa == found->pa && truth->size == found->size &&
	       !((truth->flags ^ found->flags) & known) && share_type(truth->types, found->types);
}

static void show(const char *what, const char *whose, const struct leaf *leaf)
{
	static const char letters[] = "rwxpugadc";
	char flags[sizeof(letters)] = { 0 };

	for (size_t i = 0; i < sizeof(letters) - 1; i++)
		flags[i] = !(leaf->known & 1u << i) ? '?'
			   : leaf->flags & 1u << i  ? letters[i]
						    : '-';
	printf("%s: %s 0x%016" PRIx64 " -> 0x%" PRIx64 " size 0x%" PRIx64 " %s%s\n", what, whose,
	       leaf->va, leaf->pa, leaf->size, flags, leaf->types ? leaf->types : "");
}

size_t leaves_compare(const char *what, const struct leaves *truth, const struct leaves *found,
		      unsigned int compared)
{
	size_t i = 0, j = 0, nr_bad = 0;

	while (i < truth->nr || j < found->nr) {
		const struct leaf *left = i < truth->nr ? &truth->leaf[i] : NULL;
		const struct leaf *right = j < found->nr ? &found->leaf[j] : NULL;

		if (left && right && left->va == right->va && is_same(left, right, compared)) {
			i++;
			j++;
			continue;
		}
		if (left && right && left->va != right->va) {
			if (left->va < right->va)
				right = NULL;
			else
				left = NULL;
		}
		if (left) {
			i++;
			if (nr_bad < MAX_SHOWN)
				show(what, "truth ", left);
		}
		if (right) {
			j++;
			if (nr_bad < MAX_SHOWN)
				show(what, "ptdump", right);
		}
		nr_bad++;
	}
	printf("%s: %zu leaves, %zu differ\n", what, truth->nr, nr_bad);
	return nr_bad;
}
