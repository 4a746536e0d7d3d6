/* SPDX-License-Identifier: MIT */
#include "model/mm_model.h"

#include <stdlib.h>
#include <string.h>

void model_init(struct model *model, size_t nr, struct model_file *files)
{
	model->page = calloc(nr, sizeof(*model->page));
	model->nr = nr;
	model->files = files;
	if (!model->page)
		abort();
}

void model_exit(struct model *model)
{
	free(model->page);
}

void model_copy(struct model *to, const struct model *from)
{
	memcpy(to->page, from->page, from->nr * sizeof(*from->page));
	for (size_t i = 0; i < to->nr; i++)
		to->page[i].locked = false;
}

bool model_is_free(const struct model *model, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		if (model->page[i].kind != MODEL_NONE)
			return false;
	return true;
}

bool model_is_used(const struct model *model, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		if (model->page[i].kind == MODEL_NONE)
			return false;
	return true;
}

bool model_cuts(const struct model *model, size_t first, size_t end)
{
	const struct model_page *low = &model->page[first], *high = &model->page[end - 1];

	return (low->kind == MODEL_HUGE && low->index) ||
	       (high->kind == MODEL_HUGE && high->index + 1 != high->unit);
}

void model_map(struct model *model, size_t first, size_t end, const struct model_page *like)
{
	for (size_t i = first; i < end; i++) {
		model->page[i] = *like;
		model->page[i].index =
			like->kind == MODEL_HUGE ? i % like->unit : like->index + (i - first);
	}
}

void model_unmap(struct model *model, size_t first, size_t end)
{
	memset(&model->page[first], 0, (end - first) * sizeof(*model->page));
}

void model_protect(struct model *model, size_t first, size_t end, unsigned int prot)
{
	for (size_t i = first; i < end; i++)
		model->page[i].prot = prot;
}

void model_move(struct model *model, size_t first, size_t end, size_t to)
{
	memcpy(&model->page[to], &model->page[first], (end - first) * sizeof(*model->page));
	model_unmap(model, first, end);
}

void model_zap(struct model *model, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		model->page[i].own = false;
		model->page[i].value = 0;
	}
}

void model_lazyfree(struct model *model, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++)
		model->page[i].lazy |= model->page[i].own;
}

void model_guard(struct model *model, size_t first, size_t end, bool on)
{
	if (on)
		model_zap(model, first, end);
	for (size_t i = first; i < end; i++)
		model->page[i].guard = on;
}

static bool is_private(const struct model_page *page)
{
	return page->kind != MODEL_NONE && page->kind != MODEL_FILE_SHARED;
}

static const uint64_t *file_value(const struct model *model, const struct model_page *page)
{
	const struct model_file *file = &model->files[page->file];

	return page->index < file->nr ? &file->value[page->index] : NULL;
}

static bool is_of_file(const struct model_page *page)
{
	return page->kind == MODEL_FILE_PRIVATE || page->kind == MODEL_FILE_SHARED;
}

void model_populate(struct model *model, size_t first, size_t end)
{
	for (size_t i = first; i < end; i++) {
		struct model_page *page = &model->page[i];

		if (!is_private(page) || !(page->prot & MODEL_WRITE) || page->own || page->guard)
			continue;
		if (is_of_file(page)) {
			if (!file_value(model, page))
				continue;
			page->value = *file_value(model, page);
		}
		page->own = true;
	}
}

enum model_verdict model_access(struct model *model, size_t nr, unsigned int how, uint64_t *value)
{
	struct model_page *page = &model->page[nr];

	if (page->kind == MODEL_NONE)
		return MODEL_MAPERR;
	/* What may be written or executed may be read. */
	if (!(page->prot & (how == MODEL_READ ? 7u : how)))
		return MODEL_ACCERR;
	if (page->guard)
		return MODEL_MAPERR;
	if (is_of_file(page) && !page->own && !file_value(model, page))
		return MODEL_SIGBUS;
	if (how == MODEL_WRITE && page->kind == MODEL_FILE_SHARED) {
		model->files[page->file].value[page->index] = *value;
	} else if (how == MODEL_WRITE) {
		page->own = true;
		page->lazy = false;
		page->value = *value;
	} else if (is_of_file(page) && !page->own) {
		*value = *file_value(model, page);
	} else {
		*value = page->own ? page->value : 0;
	}
	return MODEL_OK;
}
