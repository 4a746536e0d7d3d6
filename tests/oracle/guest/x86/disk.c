/* SPDX-License-Identifier: MIT */
/*
 * Bochs shares no memory: there accesses and regions come from an ATA disk and
 * results go back to it.  The layout is in lib/bochs.c.
 */
#include "x86.h"

#define SECTOR 512u

#define ATA_DATA 0x1f0
#define ATA_COUNT 0x1f2
#define ATA_LBA0 0x1f3
#define ATA_LBA1 0x1f4
#define ATA_LBA2 0x1f5
#define ATA_DEVICE 0x1f6
#define ATA_COMMAND 0x1f7 /* written */
#define ATA_STATUS 0x1f7 /* read */

#define STATUS_ERR BIT(0)
#define STATUS_DRQ BIT(3)
#define STATUS_BSY BIT(7)

enum { READ = 0x20, WRITE = 0x30 };

/* Bochs powers off when it reads this from the port. */
#define SHUTDOWN_PORT 0x8900

static void wait_for_data(uint64_t lba)
{
	for (;;) {
		uint8_t status = inb(ATA_STATUS);

		if ((status & (STATUS_BSY | STATUS_DRQ)) == STATUS_DRQ)
			return;
		if (status & STATUS_ERR)
			panic(PANIC_DISK, lba, status, 0);
	}
}

static void transfer(uint8_t command, uint64_t lba, void *buf, uint64_t nr_sectors)
{
	while (nr_sectors) {
		unsigned int nr = nr_sectors > 128 ? 128 : (unsigned int)nr_sectors;

		while (inb(ATA_STATUS) & STATUS_BSY)
			;
		outb(ATA_DEVICE, (uint8_t)(0xe0 | (lba >> 24 & 15)));
		outb(ATA_COUNT, (uint8_t)nr);
		outb(ATA_LBA0, (uint8_t)lba);
		outb(ATA_LBA1, (uint8_t)(lba >> 8));
		outb(ATA_LBA2, (uint8_t)(lba >> 16));
		outb(ATA_COMMAND, command);
		for (unsigned int i = 0; i < nr; i++) {
			uint64_t words = SECTOR / 2;

			wait_for_data(lba);
			if (command == WRITE)
				__asm__ volatile("rep outsw"
						 : "+S"(buf), "+c"(words)
						 : "d"(ATA_DATA)
						 : "memory");
			else
				__asm__ volatile("rep insw"
						 : "+D"(buf), "+c"(words)
						 : "d"(ATA_DATA)
						 : "memory");
		}
		lba += nr;
		nr_sectors -= nr;
	}
}

static void transfer_regions(uint8_t command, uint64_t lba)
{
	for (uint32_t i = 0; i < MAILBOX->nr_region; i++) {
		const struct orc_region *region = &MAILBOX->region[i];

		transfer(command, lba, (void *)region->hpa, region->bytes / SECTOR);
		lba += region->bytes / SECTOR;
	}
}

static uint64_t padded_sectors(uint64_t bytes)
{
	return (bytes + 4095) / 4096 * (4096 / SECTOR);
}

_Noreturn void run_from_disk(void)
{
	uint64_t res_lba = padded_sectors(MAILBOX->nr_vec * sizeof(struct orc_vec));
	uint64_t res_sectors = padded_sectors(MAILBOX->nr_vec * sizeof(struct orc_res));

	transfer(READ, 0, (void *)ORC_VEC_PA, res_lba);
	transfer_regions(READ, res_lba + res_sectors);
	build_tables();
	for (uint32_t i = 0; i < MAILBOX->nr_vec; i++)
		run_access(&ACCESSES[i], &RESULTS[i]);
	transfer(WRITE, res_lba, RESULTS, res_sectors);
	transfer_regions(WRITE, res_lba + res_sectors);
	for (const char *c = "Shutdown"; *c; c++)
		outb(SHUTDOWN_PORT, (uint8_t)*c);
	for (;;)
		__asm__ volatile("hlt");
}
