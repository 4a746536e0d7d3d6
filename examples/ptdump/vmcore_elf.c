/* SPDX-License-Identifier: MIT */
/*
 * What there is in an ELF core beside memory.
 *
 * QEMU notes of each processor of x86_64 a struct QEMUCPUState, version 1, of its
 * target/i386/arch_dump.c. Numbers are little-endian:
 *
 *	  0  u32 version, size
 *	  8  u64 rax, rbx, rcx, rdx, rsi, rdi, rsp, rbp, r8 to r15, rip, rflags
 *	152  10 segments of 24 bytes
 *	392  u64 cr0, cr1, cr2, cr3, cr4
 */
#define _POSIX_C_SOURCE 200809L

#include "vmcore.h"

#include <gelf.h>

#include <string.h>
#include <unistd.h>

#define CR_AT 392
#define NEEDED (CR_AT + 5 * 8)

/* The notes that were seen, and the one that is wanted. */
struct search {
	unsigned int wanted, nr_cpus;
	struct dump_qemu_cpu *cpu;
};

static void take_note(struct search *search, const unsigned char *note, size_t len)
{
	const unsigned char *cr = note + CR_AT;

	if (len < NEEDED || dump_le(note, 4) != 1)
		return;
	if (search->nr_cpus++ == search->wanted)
		*search->cpu = (struct dump_qemu_cpu){
			.cr0 = dump_le(cr, 8),
			.cr3 = dump_le(cr + 3 * 8, 8),
			.cr4 = dump_le(cr + 4 * 8, 8),
		};
}

static void search_notes(struct search *search, Elf_Data *notes)
{
	size_t at = 0, next, name, desc;
	GElf_Nhdr header;

	while ((next = gelf_getnote(notes, at, &header, &name, &desc)) > 0) {
		const char *bytes = notes->d_buf;

		if (header.n_namesz == sizeof("QEMU") && !memcmp(bytes + name, "QEMU", 5))
			take_note(search, (const unsigned char *)bytes + desc, header.n_descsz);
		at = next;
	}
}

static Elf *begin(int fd, size_t *nr_segments)
{
	Elf *elf = NULL;

	*nr_segments = 0;
	if (elf_version(EV_CURRENT) != EV_NONE)
		elf = elf_begin(fd, ELF_C_READ, NULL);
	if (elf && elf_kind(elf) == ELF_K_ELF)
		elf_getphdrnum(elf, nr_segments);
	return elf;
}

bool dump_elf_cpu(int fd, unsigned int nr, struct dump_qemu_cpu *cpu, unsigned int *nr_cpus)
{
	struct search search = { .wanted = nr, .cpu = cpu };
	size_t nr_segments;
	Elf *elf = begin(fd, &nr_segments);
	GElf_Ehdr header;

	if (nr_segments && gelf_getehdr(elf, &header) && header.e_machine != EM_X86_64)
		nr_segments = 0;
	for (size_t i = 0; i < nr_segments; i++) {
		GElf_Phdr segment;
		Elf_Data *notes = NULL;

		if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == PT_NOTE)
			notes = elf_getdata_rawchunk(elf, (int64_t)segment.p_offset,
						     segment.p_filesz, ELF_T_NHDR);
		if (notes)
			search_notes(&search, notes);
	}
	elf_end(elf);
	*nr_cpus = search.nr_cpus;
	return nr < search.nr_cpus;
}

static bool is_inside(uint64_t offset, uint64_t len, uint64_t file_len)
{
	return offset <= file_len && len <= file_len - offset;
}

/* Tables whose entries are larger or smaller than those that a reader of them has. */
static bool has_odd_tables(Elf *elf, const GElf_Ehdr *header)
{
	return header->e_phentsize != gelf_fsize(elf, ELF_T_PHDR, 1, EV_CURRENT) ||
	       (header->e_shoff &&
		header->e_shentsize != gelf_fsize(elf, ELF_T_SHDR, 1, EV_CURRENT));
}

/* Whether the file has room for the headers that it counts; past 16 bits section 0 has the count. */
static bool has_all_headers(Elf *elf, const GElf_Ehdr *header, uint64_t file_len)
{
	uint64_t nr_segments = header->e_phnum, nr_sections = header->e_shnum;
	GElf_Shdr zero;

	/* Counts of sections that stand nowhere: libkdumpfile looks for section 0 all the same. */
	if (!header->e_shoff && (nr_sections || nr_segments == PN_XNUM))
		return false;
	if (header->e_shoff) {
		if (!is_inside(header->e_shoff, header->e_shentsize, file_len) ||
		    !gelf_getshdr(elf_getscn(elf, 0), &zero))
			return false;
		if (nr_segments == PN_XNUM)
			nr_segments = zero.sh_info;
		if (!nr_sections)
			nr_sections = zero.sh_size;
		if (nr_sections > file_len / header->e_shentsize ||
		    !is_inside(header->e_shoff, nr_sections * header->e_shentsize, file_len))
			return false;
	}
	return is_inside(header->e_phoff, nr_segments * header->e_phentsize, file_len);
}

static bool has_all_segments(Elf *elf, size_t nr, uint64_t file_len, GElf_Word type)
{
	GElf_Phdr segment;

	for (size_t i = 0; i < nr; i++)
		if (gelf_getphdr(elf, (int)i, &segment) && segment.p_type == type &&
		    !is_inside(segment.p_offset, segment.p_filesz, file_len))
			return false;
	return true;
}

static bool has_all_sections(Elf *elf, uint64_t file_len)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;

	while ((section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_type != SHT_NOBITS &&
		    !is_inside(header.sh_offset, header.sh_size, file_len))
			return false;
	return true;
}

static bool begins_as_elf(int fd)
{
	char magic[SELFMAG];

	return pread(fd, magic, SELFMAG, 0) == SELFMAG && !memcmp(magic, ELFMAG, SELFMAG);
}

const char *dump_elf_flaw(int fd, uint64_t file_len)
{
	size_t nr_segments;
	Elf *elf = begin(fd, &nr_segments);
	const char *flaw = NULL;
	GElf_Ehdr header;

	if (!begins_as_elf(fd))
		flaw = NULL;
	else if (!elf || !gelf_getehdr(elf, &header))
		flaw = "is damaged: it begins as an ELF file does, and is none";
	else if (header.e_type != ET_CORE)
		flaw = "is an ELF file, but no core: it has no memory of a machine";
	else if (has_odd_tables(elf, &header))
		flaw = "is damaged: its header has a wrong size of segment or section headers";
	else if (!has_all_headers(elf, &header, file_len))
		flaw = "is damaged or cut short: not all headers that it counts are there";
	else if (!has_all_segments(elf, nr_segments, file_len, PT_LOAD))
		flaw = "is cut short: not all memory that it names is there";
	else if (!has_all_segments(elf, nr_segments, file_len, PT_NOTE))
		flaw = "is damaged or cut short: not all notes that it names are there";
	else if (!has_all_sections(elf, file_len))
		flaw = "is damaged or cut short: not all sections that it names are there";
	elf_end(elf);
	return flaw;
}
