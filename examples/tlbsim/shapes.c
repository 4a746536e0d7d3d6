/* SPDX-License-Identifier: MIT */
/* TLBs from words on the command line: levels, profiles, lists to compare. */
#include "tlbsim.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum pt_tlb_policy parse_policy(const char *text)
{
	static const char *const names[] = { "lru", "fifo", "plru", "random" };

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(text, names[i]))
			return (enum pt_tlb_policy)i;
	sim_die("policy %s: not lru, fifo, plru or random", text);
}

/* ENTRIESxWAYS; false for none. */
static bool parse_level(const char *text, unsigned int level, enum pt_tlb_policy policy,
			unsigned int page_lg2, struct pt_tlb_part *part)
{
	unsigned long entries, ways;
	char *end, *last;

	if (level == 2 && !strcmp(text, "none"))
		return false;
	entries = strtoul(text, &end, 10);
	ways = *end == 'x' && isdigit((unsigned char)end[1]) ? strtoul(end + 1, &last, 10) : 0;
	if (!isdigit((unsigned char)text[0]) || !entries || !ways || *last)
		sim_die("level %u of %s: not ENTRIESxWAYS", level, text);
	if (entries > PT_TLB_MAX_ENTRIES)
		sim_die("level %u of %s: more than %d entries", level, text, PT_TLB_MAX_ENTRIES);
	if (ways > entries || entries % ways)
		sim_die("level %u of %s: the entries are no multiple of the ways", level, text);
	if (policy == PT_TLB_PLRU && ways & (ways - 1))
		sim_die("level %u of %s: tree-PLRU needs ways that are a power of two", level,
			text);
	*part = (struct pt_tlb_part){
		.level = level,
		.uses = 1u << PT_TLB_USE_DATA,
		.sizes = UINT64_C(1) << page_lg2,
		.entries = (unsigned int)entries,
		.ways = (unsigned int)ways,
		.policy = policy,
	};
	return true;
}

static struct sim_shape *add_shape(struct sim_options *options)
{
	if (options->nr_shapes == SIM_MAX)
		sim_die("more than %d TLBs to compare", SIM_MAX);
	return &options->shapes[options->nr_shapes++];
}

void sim_add_levels(struct sim_options *options, const struct sim_wanted *wanted)
{
	struct sim_shape *shape = add_shape(options);
	enum pt_tlb_policy policy = parse_policy(wanted->policy);

	shape->cfg.seed = wanted->seed;
	shape->cfg.nr_parts = 1;
	(void)parse_level(wanted->l1, 1, policy, options->page_lg2, &shape->cfg.parts[0]);
	shape->has_l2 = parse_level(wanted->l2, 2, policy, options->page_lg2, &shape->cfg.parts[1]);
	shape->cfg.nr_parts += shape->has_l2;
	snprintf(shape->label, sizeof(shape->label), "%s:%s:%s", wanted->l1, wanted->l2,
		 wanted->policy);
}

void sim_add_profile(struct sim_options *options, const struct pt_tlb_profile *profile)
{
	struct sim_shape *shape = add_shape(options);

	snprintf(shape->label, sizeof(shape->label), "%s", profile->name);
	shape->cfg = profile->tlb;
	shape->has_l2 = true;
	shape->profile = profile;
}

_Noreturn void sim_list_profiles(void)
{
	const struct pt_tlb_profile *profile;

	for (size_t i = 0; (profile = pt_tlb_profile_at(i)); i++)
		printf("%-16s %s\n", profile->name, profile->what);
	sim_flush();
	exit(0);
}

/* Commas and colons become ends of strings: the list is the program's own argument. */
void sim_add_compared(struct sim_options *options, char *list, const struct sim_wanted *wanted)
{
	options->compare = true;
	for (char *item = list, *next; item; item = next) {
		const struct pt_tlb_profile *profile;
		struct sim_wanted levels = *wanted;
		char *colon;

		next = strchr(item, ',');
		if (next)
			*next++ = '\0';
		profile = pt_tlb_profile_find(item);
		if (profile) {
			sim_add_profile(options, profile);
			continue;
		}
		if (!isdigit((unsigned char)item[0]))
			sim_die("--compare %s: neither a profile nor L1:L2:POLICY", item);
		levels.l1 = item;
		colon = strchr(item, ':');
		if (colon) {
			*colon++ = '\0';
			levels.l2 = colon;
			colon = strchr(colon, ':');
		}
		if (colon) {
			*colon++ = '\0';
			levels.policy = colon;
		}
		sim_add_levels(options, &levels);
	}
}

#define LEAST_REACH 16 /* entries */

/* One level, twice as large each time, as associative as --l1 where it has so many entries. */
void sim_add_reach(struct sim_options *options, const struct sim_wanted *wanted)
{
	struct pt_tlb_part part;

	(void)parse_level(wanted->l1, 1, parse_policy(wanted->policy), options->page_lg2, &part);
	options->reach = true;
	for (unsigned int entries = LEAST_REACH; entries <= PT_TLB_MAX_ENTRIES; entries *= 2) {
		unsigned int ways = part.ways < entries ? part.ways : entries;
		struct sim_wanted levels = *wanted;
		char l1[32];

		if (entries % ways)
			sim_die("--reach: %u ways do not divide %u entries", ways, entries);
		snprintf(l1, sizeof(l1), "%ux%u", entries, ways);
		levels.l1 = l1;
		levels.l2 = "none";
		sim_add_levels(options, &levels);
	}
}
