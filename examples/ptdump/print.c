/* SPDX-License-Identifier: MIT */
/*
 * Runs as lines of text in columns. A whole kernel is some hundred thousand leaves, so lines
 * are put together by hand and stdio only buffers them.
 */
#include "ptdump.h"

#include <inttypes.h>
#include <string.h>

/* ---- lines ---- */

void dump_put_char(struct dump_line *line, char c)
{
	if (line->len < sizeof(line->text) - 1)
		line->text[line->len++] = c;
}

void dump_put(struct dump_line *line, const char *text)
{
	while (*text)
		dump_put_char(line, *text++);
}

/* "0x" and at least @digits digits. */
void dump_put_hex(struct dump_line *line, uint64_t value, unsigned int digits)
{
	unsigned int shift = 64;

	dump_put_char(line, '0');
	dump_put_char(line, 'x');
	while (shift > 4 && shift > 4 * digits && !(value >> (shift - 4)))
		shift -= 4;
	while (shift) {
		shift -= 4;
		dump_put_char(line, "0123456789abcdef"[(value >> shift) & 0xf]);
	}
}

void dump_put_number(struct dump_line *line, uint64_t value)
{
	char digits[20];
	unsigned int nr = 0;

	do {
		digits[nr++] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	while (nr)
		dump_put_char(line, digits[--nr]);
}

void dump_put_column(struct dump_line *line, size_t column)
{
	while (line->len < column && line->len < sizeof(line->text) - 1)
		line->text[line->len++] = ' ';
}

/* Adds @text so that it ends at @column. */
static void put_right(struct dump_line *line, size_t column, const char *text)
{
	size_t len = strlen(text);

	dump_put_column(line, column > len ? column - len : 0);
	dump_put(line, text);
}

void dump_put_end(struct dump_line *line, FILE *out)
{
	line->text[line->len++] = '\n'; /* dump_put_char() leaves room for it */
	fwrite(line->text, 1, line->len, out);
	line->len = 0;
}

const char *dump_size(uint64_t bytes, char text[static 24])
{
	static const char units[] = "BKMGTPE";
	unsigned int unit = 0;
	uint64_t rest = 0;

	if (!bytes)
		return "16E";
	while (unit < 6 && (bytes >= 10000 || !(rest || bytes % 1024))) {
		rest = bytes % 1024;
		bytes /= 1024;
		unit++;
	}
	if (rest)
		snprintf(text, 24, "%" PRIu64 ".%" PRIu64 "%c", bytes, rest * 10 / 1024,
			 units[unit]);
	else
		snprintf(text, 24, "%" PRIu64 "%c", bytes, units[unit]);
	return text;
}

/* ---- text ---- */

/* Columns where a run's fields begin, or for sizes end. */
enum {
	COLUMN_FIRST = 0,
	COLUMN_LAST = 19,
	COLUMN_PA_END = 57,
	COLUMN_SIZE_END = 63,
	COLUMN_SPAN_END = 71,
	COLUMN_PERMS = 73,
};

const char *dump_perms_text(const struct dump_root *root, unsigned int perms, bool ad,
			    char text[static 16])
{
	char *at = text;

	*at++ = perms & DUMP_R ? 'r' : '-';
	*at++ = perms & DUMP_W ? 'w' : '-';
	*at++ = perms & DUMP_X ? 'x' : '-';
	if (root->info.attrs & PT_ATTR_EXEC_OTHER)
		*at++ = perms & DUMP_P ? 'p' : '-';
	*at++ = ' ';
	*at++ = perms & DUMP_U ? 'u' : '-';
	*at++ = perms & DUMP_G ? 'g' : '-';
	if (ad) {
		*at++ = perms & DUMP_A ? 'a' : '-';
		if (root->info.attrs & PT_ATTR_DIRTY)
			*at++ = perms & DUMP_D ? 'd' : '-';
	}
	*at = 0;
	return text;
}

/* How many columns permissions take, and the gap behind them. */
static size_t perms_width(const struct dump_root *root, bool ad)
{
	char text[16];
	size_t len = strlen(dump_perms_text(root, 0, ad, text));

	return (len > 5 ? len : 5) + 2; /* at least the heading */
}

void dump_title(const struct dump_root *root)
{
	printf("%s: %s, %u-bit input, %u-bit output, %u levels, root 0x%" PRIx64, root->label,
	       root->info.name, root->cfg.va_bits, root->cfg.pa_bits, root->info.nr_levels,
	       pt_pgtable_root(root->pt));
	if (root->cfg.c_bit)
		printf(", C-bit %u", root->cfg.c_bit);
	putchar('\n');
}

static void put_head(const struct dump_root *root, bool ad)
{
	struct dump_line line = { .len = 0 };
	size_t type = COLUMN_PERMS + perms_width(root, ad);

	dump_put(&line, "first");
	dump_put_column(&line, COLUMN_LAST);
	dump_put(&line, "last");
	put_right(&line, COLUMN_PA_END, "physical");
	put_right(&line, COLUMN_SIZE_END, "leaf");
	put_right(&line, COLUMN_SPAN_END, "span");
	dump_put_column(&line, COLUMN_PERMS);
	dump_put(&line, "perms");
	dump_put_column(&line, type);
	dump_put(&line, "type");
	dump_put_column(&line, type + 10);
	dump_put(&line, "level");
	dump_put_end(&line, stdout);
}

/* What only some leaves have. */
static void put_extras(struct dump_line *line, const struct dump_root *root,
		       const struct dump_run *run)
{
	if (run->contig_lg2) {
		dump_put(line, ", contiguous ");
		dump_put_number(line, UINT64_C(1) << run->contig_lg2);
	}
	if (pt_attr_key(run->attr)) {
		dump_put(line, ", key ");
		dump_put_number(line, pt_attr_key(run->attr));
	}
	if (run->attr & PT_ATTR_GUARDED)
		dump_put(line, ", guarded");
	if (run->attr & PT_ATTR_ENCRYPTED)
		dump_put(line, ", encrypted");
	if (root->info.dirty_is_write && (run->attr & PT_ATTR_WRITE) && !(run->perms & DUMP_W))
		dump_put(line, ", writable once dirty");
}

void dump_put_run(struct dump_line *line, const struct dump_root *root, const struct dump_run *run,
		  bool ad)
{
	struct dump_line word = { .len = 0 };
	size_t type = COLUMN_PERMS + perms_width(root, ad);
	char text[24];

	dump_put_hex(&word, run->type == PTW_PFN ? run->pa : run->raw, 1);
	word.text[word.len] = 0;
	put_right(line, COLUMN_PA_END, word.text);
	put_right(line, COLUMN_SIZE_END, dump_size(UINT64_C(1) << run->size_lg2, text));
	put_right(line, COLUMN_SPAN_END, dump_size(run->last - run->va + 1, text));
	dump_put_column(line, COLUMN_PERMS);
	if (run->type == PTW_PFN) {
		dump_put(line, dump_perms_text(root, run->perms, ad, text));
		dump_put_column(line, type);
		dump_put(line, pt_mem_name(pt_attr_mem(run->attr)));
		dump_put_column(line, type + 10);
	} else if (run->type == PTW_UNKNOWN) {
		dump_put(line, "(");
		if (!dump_put_soft(line, root, run->level, run->raw))
			dump_put(line, "word, not present");
		dump_put(line, ")  ");
	} else {
		dump_put(line, "(word, corrupt: ");
		dump_put(line, pt_illegal_name(run->why));
		dump_put(line, ")  ");
	}
	dump_put_number(line, run->level);
	dump_put(line, " ");
	dump_put(line, root->info.level_name[run->level]);
	if (run->type == PTW_PFN)
		put_extras(line, root, run);
}

void dump_table_start(struct dump_table *table, const struct dump_root *root,
		      const struct dump_options *options)
{
	*table = (struct dump_table){ .root = root, .options = options };
	dump_title(root);
}

static void print_row(struct dump_table *table, const struct dump_run *run)
{
	struct dump_line line = { .len = 0 };

	if (!table->has_head)
		put_head(table->root, table->options->respect_ad);
	table->has_head = true;
	dump_put_hex(&line, run->va, 16);
	dump_put_column(&line, COLUMN_LAST);
	dump_put_hex(&line, run->last, 16);
	dump_put_run(&line, table->root, run, table->options->respect_ad);
	dump_put_end(&line, stdout);
}

/* Prints what was held back of a page that repeats. */
static void print_repeats(struct dump_table *table)
{
	struct dump_line line = { .len = 0 };
	char text[24];

	if (table->nr_repeats == 1) {
		print_row(table, &table->last);
	} else if (table->nr_repeats) {
		dump_put(&line, "    the same ");
		dump_put_number(&line, table->nr_repeats);
		dump_put(&line, " times more, each ");
		dump_put(&line, dump_size(table->stride, text));
		dump_put(&line, ", up to ");
		dump_put_hex(&line, table->last.last, 16);
		dump_put_end(&line, stdout);
	}
	table->nr_repeats = 0;
}

/* Whether @run maps what the run before it maps, where the next of a series of them would be. */
static bool is_repeat(const struct dump_table *table, const struct dump_run *run)
{
	const struct dump_run *last = &table->last;

	return table->has_last && !table->options->each && run->type == PTW_PFN &&
	       last->type == PTW_PFN && run->pa == last->pa &&
	       run->last - run->va == last->last - last->va && run->level == last->level &&
	       run->contig_lg2 == last->contig_lg2 && run->perms == last->perms &&
	       !((run->attr ^ last->attr) & ~PT_ATTR_SW_MASK) &&
	       (!table->nr_repeats || run->va - last->va == table->stride);
}

void dump_table_row(struct dump_table *table, const struct dump_run *run)
{
	if (is_repeat(table, run)) {
		table->stride = run->va - table->last.va;
		table->nr_repeats++;
	} else {
		print_repeats(table);
		print_row(table, run);
	}
	table->last = *run;
	table->has_last = true;
}

void dump_table_done(struct dump_table *table)
{
	print_repeats(table);
}
