/* SPDX-License-Identifier: MIT */
/*
 * case.h - one recorded machine: its registers and roots from case.json, its files, and ptdump run
 * on its memory.
 */
#ifndef CASE_H
#define CASE_H

#include <ptlib/ptlib.h>

#include "leaves.h"

struct data_case {
	char dir[1024], name[256];
	char image[1280], fixture[1280]; /* RAM, and only its table pages; decompressed */
	char *json;
	bool arm64;
	uint64_t page_size;
	struct pt_x86_regs x86;
	struct pt_arm64_regs regs;
	uint64_t target, helper; /* what goes into CR3 or TTBR0 */
	uint64_t kernel; /* the root whose upper half is the kernel's */
	struct pt_phys_region ram[16]; /* fd not set */
	size_t nr_ram;
	struct dialect dialect;
};

/** Reads case.json of @dir; false, with a line on stdout, if it cannot be used. */
bool case_open(struct data_case *c, const char *dir);
void case_close(struct data_case *c);
/** Opens file @name of the case, decompressing it if it ends in .zst; NULL if there is none. */
FILE *case_file(const struct data_case *c, const char *name);
/** Closes what case_file() and case_ptdump() opened; whether all went well. */
bool case_file_close(FILE *file);
/** Decompresses a sparse image into @path; false if there is none. */
bool case_decompress(const struct data_case *c, const char *name, const char *path);
/** A number of section @section of case.json, or of its top level; 0 if it is not there. */
uint64_t case_number(const struct data_case *c, const char *section, const char *key);

/** Starts ptdump on @image with root @root and @options; reads what it prints. */
FILE *case_ptdump(const struct data_case *c, const char *ptdump, const char *image, uint64_t root,
		  const char *options);
/** Opens the memory, and the table of @root in it; both NULL on failure, which is printed. */
bool case_pgtable(const struct data_case *c, uint64_t root, bool upper, struct pt_phys **phys,
		  struct pt_pgtable **pt);

#endif /* CASE_H */
