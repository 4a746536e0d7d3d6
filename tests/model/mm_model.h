/* SPDX-License-Identifier: MIT */
/*
 * mm_model.h - address spaces as programs see them: an array of pages, each with what it is for
 * and what a load of it finds. No tables, no frames, no sharing: fork copies everything.
 */
#ifndef MODEL_MM_MODEL_H
#define MODEL_MM_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_READ 1u
#define MODEL_WRITE 2u
#define MODEL_EXEC 4u

enum model_kind { MODEL_NONE, MODEL_ANON, MODEL_FILE_PRIVATE, MODEL_FILE_SHARED, MODEL_HUGE };

struct model_page {
	enum model_kind kind;
	unsigned int prot;
	bool own; /* private: has a value of its own */
	bool guard;
	bool locked;
	bool lazy; /* given up: may be zero from now on, until it is written */
	uint64_t value; /* own ones; others are 0, or the file's */
	unsigned int file;
	size_t index; /* of the file's page; of hugetlb: of the page in its huge page */
	size_t unit; /* pages of a huge page; 1 */
};

struct model_file {
	uint64_t *value;
	size_t nr;
};

struct model {
	struct model_page *page;
	size_t nr;
	struct model_file *files; /* of all address spaces */
};

enum model_verdict { MODEL_OK, MODEL_MAPERR, MODEL_ACCERR, MODEL_SIGBUS };

void model_init(struct model *model, size_t nr, struct model_file *files);
void model_exit(struct model *model);
void model_copy(struct model *to, const struct model *from); /* fork */

/* Whether [first, end) is free, is all used, or cuts a huge page. */
bool model_is_free(const struct model *model, size_t first, size_t end);
bool model_is_used(const struct model *model, size_t first, size_t end);
bool model_cuts(const struct model *model, size_t first, size_t end);

void model_map(struct model *model, size_t first, size_t end, const struct model_page *like);
void model_unmap(struct model *model, size_t first, size_t end);
void model_protect(struct model *model, size_t first, size_t end, unsigned int prot);
void model_move(struct model *model, size_t first, size_t end, size_t to);
void model_zap(struct model *model, size_t first, size_t end);
void model_lazyfree(struct model *model, size_t first, size_t end);
void model_guard(struct model *model, size_t first, size_t end, bool on);
/* Private pages that may be written get their own value now. */
void model_populate(struct model *model, size_t first, size_t end);

/* One access: what comes of it, and for loads what they find; or zero, if the page is lazy. */
enum model_verdict model_access(struct model *model, size_t page, unsigned int how,
				uint64_t *value);

#endif /* MODEL_MM_MODEL_H */
