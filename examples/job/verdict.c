/* SPDX-License-Identifier: MIT */
/* A result as the text that jobs expect, and the comparison of both. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "verdict.h"

struct text {
	char *buf;
	size_t len, max;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text->buf + text->len, text->max - text->len, fmt, ap);
	va_end(ap);
	if (len > 0)
		text->len += (size_t)len;
	if (text->len >= text->max)
		text->len = text->max - 1;
}

static void add_hex(struct text *text, const char *key, uint64_t value)
{
	add(text, "%s0x%llx", key, (unsigned long long)value);
}

static void add_fault(struct text *text, enum job_arch arch, const struct job_access *access,
		      const struct job_result *result)
{
	if (arch == JOB_X86_64) {
		add(text, "FAULT vec=%u", result->code);
		add_hex(text, " err=", result->err);
		if (result->code == 14)
			add_hex(text, " cr2=", result->addr);
	} else if (access->op == JOB_OP_AT || access->op == JOB_OP_AT_WRITE) {
		add(text, "FAULT stage=%u", result->code);
		add_hex(text, " fst=", result->err);
	} else {
		add(text, "FAULT el=%u", result->code);
		add_hex(text, " esr=", result->err);
		add_hex(text, " far=", result->addr);
		add_hex(text, " ec=", result->err >> 26 & 0x3f);
		add_hex(text, " fsc=", result->err & 0x3f);
		if (result->code == 2)
			add_hex(text, " hpfar=", result->hpfar);
	}
}

void verdict_format(enum job_arch arch, const struct job_access *access,
		    const struct job_result *result, char buf[VERDICT_MAX])
{
	struct text text = { buf, 0, VERDICT_MAX };

	switch (result->status) {
	case JOB_DONE:
		add(&text, "OK");
		if (access->op == JOB_OP_READ || access->op == JOB_OP_RMW)
			add_hex(&text, " data=", result->data);
		break;
	case JOB_FAULT:
		add_fault(&text, arch, access, result);
		break;
	case JOB_NOMEM:
		add(&text, "NOMEM");
		break;
	case JOB_NOWALK:
		add_hex(&text, "NOWALK tpa=", result->pa);
		break;
	default:
		add_hex(&text, "ERROR code=", result->code);
		add_hex(&text, " err=", result->err);
		add_hex(&text, " addr=", result->addr);
	}
	if (result->has & JOB_HAS_PA)
		add_hex(&text, " pa=", result->pa);
	if (result->has & JOB_HAS_PAR)
		add_hex(&text, " par=", result->par);
	if (result->has & JOB_HAS_TRACE) {
		add(&text, " walk=");
		for (unsigned int i = 0; i < result->nr_trace; i++)
			add_hex(&text, i ? "," : "", result->trace[i]);
	}
}

/* "key=1,$x" or "$x" to "key=0x1,0x2"; words stay. */
static bool evaluate_token(const struct symbols *symbols, char *token, struct text *out)
{
	char *equals = strchr(token, '='), *value = equals ? equals + 1 : token, *next;

	if (*value == '!')
		value++;
	add(out, "%.*s", (int)(value - token), token);
	for (; value; value = next) {
		uint64_t number;

		next = strchr(value, ',');
		if (next)
			*next++ = '\0';
		if (!expr_is_number(value))
			add(out, "%s", value);
		else if (expr_eval(symbols, value, &number))
			add_hex(out, "", number);
		else
			return false;
		if (next)
			add(out, ",");
	}
	return true;
}

char *expect_evaluate(const struct symbols *symbols, const char *text, const char **bad)
{
	static const char space[] = " \t\r\n";
	/* A number is at most 18 characters, and at least one plus a separator. */
	struct text out = { NULL, 0, strlen(text) * 10 + 32 };

	out.buf = calloc(1, out.max);
	*bad = text;
	while (out.buf) {
		char token[512];
		size_t len;

		text += strspn(text, space);
		len = strcspn(text, space);
		if (!len)
			break;
		*bad = text;
		snprintf(token, sizeof(token), "%.*s", (int)len, text);
		if (out.len)
			add(&out, " ");
		if (len >= sizeof(token) || !evaluate_token(symbols, token, &out)) {
			free(out.buf);
			return NULL;
		}
		text += len;
	}
	return out.buf;
}

/* Compare up to the end of the token or list element; advance both. */
static bool same_element(const char **a, const char **b)
{
	size_t a_len = strcspn(*a, " ,"), b_len = strcspn(*b, " ,");
	const char *x = *a, *y = *b;
	char *x_end, *y_end;
	unsigned long long x_value, y_value;

	*a += a_len;
	*b += b_len;
	if (a_len == b_len && !memcmp(x, y, a_len))
		return true;
	if (!expr_is_number(x) || !expr_is_number(y))
		return false;
	x_value = strtoull(x, &x_end, 0);
	y_value = strtoull(y, &y_end, 0);
	return x_end == x + a_len && y_end == y + b_len && x_value == y_value;
}

static bool same_token(const char *a, const char *b)
{
	size_t a_key = strcspn(a, "= "), b_key = strcspn(b, "= ");

	if ((a[a_key] == '=') != (b[b_key] == '='))
		return false;
	if (a[a_key] == '=') {
		if (a_key != b_key || memcmp(a, b, a_key))
			return false;
		a += a_key + 1;
		b += b_key + 1;
	}
	for (;;) {
		if (!same_element(&a, &b))
			return false;
		if (*a != ',' || *b != ',')
			return *a != ',' && *b != ',';
		a++;
		b++;
	}
}

static const char *next_token(const char *text)
{
	text += strcspn(text, " ");
	return text + strspn(text, " ");
}

static bool occurs(const char *token, const char *text)
{
	for (; *text; text = next_token(text))
		if (same_token(token, text))
			return true;
	return false;
}

static unsigned int nr_tokens(const char *text)
{
	unsigned int nr = 0;

	for (; *text; text = next_token(text))
		nr++;
	return nr;
}

bool expect_met(const char *expected, const char *got, bool in_order, const char **missed)
{
	const char *at = got;

	in_order = in_order && nr_tokens(expected) == nr_tokens(got);
	for (; *expected; expected = next_token(expected)) {
		bool met;

		if (*expected == '!') {
			met = !occurs(expected + 1, got);
		} else if (in_order) {
			met = *at && same_token(expected, at);
			at = next_token(at);
		} else {
			met = occurs(expected, got);
		}
		if (!met) {
			*missed = expected;
			return false;
		}
	}
	return true;
}
