/* SPDX-License-Identifier: MIT */
/* Numbers of the job language; expr.h has the grammar. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expr.h"

static unsigned int find(const struct symbols *symbols, const char *name, size_t len)
{
	unsigned int i;

	for (i = 0; i < symbols->nr; i++)
		if (strlen(symbols->symbol[i].name) == len &&
		    !memcmp(symbols->symbol[i].name, name, len))
			break;
	return i;
}

bool symbols_set(struct symbols *symbols, const char *name, uint64_t value)
{
	size_t len = strlen(name);
	unsigned int i = find(symbols, name, len);

	if (!len || len >= SYMBOL_NAME_MAX || i == SYMBOLS_MAX)
		return false;
	memcpy(symbols->symbol[i].name, name, len + 1);
	symbols->symbol[i].value = value;
	if (i == symbols->nr)
		symbols->nr++;
	return true;
}

bool expr_is_number(const char *text)
{
	unsigned char first = (unsigned char)text[0], second = first ? (unsigned char)text[1] : 0;

	return first == '$' || isdigit(first) || (first == 'b' && isdigit(second));
}

static bool eval_symbol(const struct symbols *symbols, const char **at, uint64_t *value)
{
	const char *name = *at + 1;
	size_t len = 0;
	unsigned int i;

	while (isalnum((unsigned char)name[len]) || name[len] == '_')
		len++;
	i = find(symbols, name, len);
	if (i == symbols->nr)
		return false;
	*value = symbols->symbol[i].value;
	*at = name + len;
	return true;
}

static bool eval_term(const struct symbols *symbols, const char **at, uint64_t *value)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	char *end;

	if (!expr_is_number(*at))
		return false;
	if (**at == '$')
		return eval_symbol(symbols, at, value);
	if (**at == 'b') {
		unsigned long bit = strtoul(*at + 1, &end, 10);

		*value = 1ull << (bit & 63);
		*at = end;
		return bit < 64;
	}
	errno = 0;
	*value = strtoull(*at, &end, 0);
	if (errno)
		return false;
	suffix = *end ? strchr(suffixes, *end) : NULL;
	if (suffix) {
		unsigned int shift = 10 * (unsigned int)(suffix - suffixes + 1);

		if (*value > UINT64_MAX >> shift)
			return false;
		*value <<= shift;
		end++;
	}
	*at = end;
	return true;
}

bool expr_eval(const struct symbols *symbols, const char *text, uint64_t *value)
{
	const char *at = text;

	if (!eval_term(symbols, &at, value))
		return false;
	while (*at) {
		char op = *at++;
		uint64_t term;

		if (!eval_term(symbols, &at, &term))
			return false;
		if (op == '+')
			*value += term;
		else if (op == '-')
			*value -= term;
		else if (op == '|')
			*value |= term;
		else
			return false;
	}
	return true;
}
