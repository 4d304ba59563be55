/* The local copy of a remote file's pages, and where it is mapped. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tracer/image.h"
#include "tracer/maps.h"

#define BLOCK IMAGE_BLOCK
#define PAGE 4096u
#define BLOCKS 5

static struct images images;
static struct image *img;
static uint8_t file[BLOCKS * BLOCK]; /* what the server has */
static uint8_t seen[sizeof(file)];

static void setup(void)
{
	memset(&images, 0, sizeof(images));
	img = image_get(&images, 1, 2, "/f");
	ck_assert_ptr_nonnull(img);
	for (size_t i = 0; i < sizeof(file); i++)
		file[i] = (uint8_t)(i / 251 + 1);
}

static void teardown(void)
{
	image_unref(&images, img);
	ck_assert_ptr_null(images.table);
	ck_assert_uint_eq(images.bytes, 0);
}

/* As the program sees it. */
static const uint8_t *memory(void)
{
	memset(seen, 0xee, sizeof(seen));
	ck_assert_int_eq(pread(img->memfd, seen, img->size, 0), img->size);
	return seen;
}

static void store(uint64_t at, const char *text)
{
	ck_assert_int_eq(pwrite(img->memfd, text, strlen(text), (off_t)at),
			 strlen(text));
}

static void begin(uint64_t size)
{
	ck_assert_int_eq(image_resize(img, size), 0);
	ck_assert_int_eq(image_begin_writes(&images, img), 0);
	ck_assert_int_eq(image_fill(&images, img, 0, file, size), 0);
	ck_assert(!memcmp(memory(), file, size));
}

/* The next run that is dirty: where, and as text. */
static void dirty(uint64_t *at, const char *want)
{
	uint8_t data[BLOCK];
	ssize_t n = image_dirty(img, at, UINT64_MAX, data, sizeof(data));

	ck_assert_int_eq(n, strlen(want));
	ck_assert(!memcmp(data, want, strlen(want)));
}

START_TEST(one_for_each_file)
{
	struct image *again = image_get(&images, 1, 2, "/g");
	struct image *other = image_get(&images, 2, 2, "/f");
	struct stat a;
	struct stat b;
	int fd = image_open(again, O_RDONLY);

	ck_assert_ptr_eq(again, img);
	ck_assert_ptr_ne(other, img);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	ck_assert_int_eq(fstat(fd, &a) | fstat(img->memfd, &b), 0);
	ck_assert_uint_eq(a.st_ino, b.st_ino);
	close(fd);
	image_unref(&images, again);
	image_unref(&images, other);
}
END_TEST

START_TEST(pieces_are_asked_for_once)
{
	uint64_t lo = PAGE;
	uint64_t hi = 3 * BLOCK + 1;

	ck_assert_int_eq(image_resize(img, sizeof(file) - 10), 0);
	ck_assert(image_piece(img, &lo, &hi, SIZE_MAX, false));
	ck_assert_uint_eq(lo, 0);
	ck_assert_uint_eq(hi, 4 * BLOCK);
	ck_assert_int_eq(image_fill(&images, img, BLOCK, file + BLOCK, BLOCK),
			 0);
	hi = 3 * BLOCK;
	ck_assert(image_piece(img, &lo, &hi, SIZE_MAX, false));
	ck_assert_uint_eq(hi, BLOCK);
	lo = BLOCK;
	hi = UINT64_MAX;
	ck_assert(image_piece(img, &lo, &hi, 2 * BLOCK, false));
	ck_assert_uint_eq(lo, 2 * BLOCK);
	ck_assert_uint_eq(hi, 4 * BLOCK);
	lo = 0;
	hi = UINT64_MAX;
	ck_assert(image_piece(img, &lo, &hi, SIZE_MAX, true));
	ck_assert_uint_eq(lo, BLOCK);
	ck_assert_uint_eq(hi, 2 * BLOCK);
	ck_assert_uint_eq(images.bytes, BLOCK);
	/* Behind the end there is nothing to ask for. */
	lo = sizeof(file);
	hi = UINT64_MAX;
	ck_assert(!image_piece(img, &lo, &hi, SIZE_MAX, false));
}
END_TEST

START_TEST(changes_are_found_and_written_once)
{
	uint64_t at = 0;

	begin(sizeof(file));
	dirty(&at, "");
	store(10, "ab");
	store(BLOCK - 1, "x");
	store(3 * BLOCK + 5, "far");
	at = 0;
	dirty(&at, "ab");
	ck_assert_uint_eq(at, 10);
	ck_assert_int_eq(image_clean(img, at, (const uint8_t *)"ab", 2), 0);
	dirty(&at, "x");
	ck_assert_uint_eq(at, BLOCK - 1);
	ck_assert_int_eq(image_clean(img, at, (const uint8_t *)"x", 1), 0);
	dirty(&at, "far");
	ck_assert_uint_eq(at, 3 * BLOCK + 5);
	ck_assert_int_eq(image_clean(img, at, (const uint8_t *)"far", 3), 0);
	dirty(&at, "");
	at = 0;
	dirty(&at, "");
}
END_TEST

START_TEST(what_the_program_changed_stays)
{
	uint64_t at = 0;

	begin(2 * BLOCK);
	store(100, "mine");
	memcpy(file + 98, "theirs", 6);
	ck_assert_int_eq(image_fill(&images, img, 0, file, BLOCK), 0);
	ck_assert(!memcmp(memory() + 98, "thmine", 6));
	dirty(&at, "mine");
	ck_assert_uint_eq(at, 100);
}
END_TEST

START_TEST(a_call_writes_both_sides)
{
	uint64_t at = 0;

	begin(BLOCK);
	store(0, "old");
	ck_assert_int_eq(image_wrote(img, 0, (const uint8_t *)"new", 3), 0);
	ck_assert(!memcmp(memory(), "new", 3));
	dirty(&at, "");
	/* It makes the file longer; what lies between is zero. */
	ck_assert_int_eq(image_wrote(img, BLOCK + PAGE, (const uint8_t *)"end",
				     3),
			 0);
	ck_assert_uint_eq(img->size, BLOCK + PAGE + 3);
	ck_assert_uint_eq(memory()[BLOCK + 1], 0);
}
END_TEST

START_TEST(what_is_cut_comes_back_as_zero)
{
	uint64_t at = 0;

	begin(2 * BLOCK);
	store(BLOCK + 10, "gone");
	ck_assert_int_eq(image_resize(img, BLOCK), 0);
	dirty(&at, "");
	ck_assert_int_eq(image_resize(img, 2 * BLOCK), 0);
	ck_assert_uint_eq(memory()[BLOCK + 10], 0);
	at = 0;
	dirty(&at, "");
}
END_TEST

START_TEST(holes_take_nothing)
{
	struct stat st;
	uint64_t at = 0;

	ck_assert_int_eq(image_resize(img, 1 << 30), 0);
	ck_assert_int_eq(image_begin_writes(&images, img), 0);
	ck_assert_int_eq(image_hole(&images, img, 0, 1 << 30), 0);
	ck_assert_uint_eq(images.bytes, 0);
	ck_assert_int_eq(fstat(img->memfd, &st), 0);
	ck_assert_int_eq(st.st_blocks, 0);
	store(1 << 29, "in");
	dirty(&at, "in");
	ck_assert_uint_eq(at, 1 << 29);
}
END_TEST

/* What is mapped is a hole, and data stands behind it in its block. */
START_TEST(a_hole_ends_behind_the_part)
{
	uint8_t data[BLOCK];
	uint64_t at = 0;

	begin(BLOCK);
	ck_assert_int_eq(image_hole(&images, img, 0, BLOCK), 0);
	store(3 * PAGE, "behind");
	ck_assert_int_eq(image_dirty(img, &at, 3 * PAGE, data, sizeof(data)),
			 0);
	ck_assert_uint_eq(at, 3 * PAGE);
	dirty(&at, "behind");
}
END_TEST

/* ---- mappings ---- */

static unsigned int goners;

static void gone(void *ctx, struct image *image)
{
	ck_assert_ptr_eq(ctx, &goners);
	ck_assert_ptr_eq(image, img);
	goners++;
	image_unref(&images, image);
}

static struct maps *mapped(uint64_t lo, uint64_t hi, uint64_t at)
{
	struct map map = { lo, hi, at, img, true };
	struct maps *maps = maps_new();

	goners = 0;
	ck_assert_ptr_nonnull(maps);
	ck_assert_int_eq(maps_add(maps, &map), 0);
	ck_assert_uint_eq(img->maps, 1);
	return maps;
}

START_TEST(a_hole_in_a_mapping)
{
	struct maps *maps = mapped(0x10000, 0x20000, 0x1000);
	struct map part;
	size_t i = 0;

	ck_assert_int_eq(maps_remove(maps, 0x14000, 0x15000, gone, &goners), 0);
	ck_assert_uint_eq(img->maps, 2);
	ck_assert(!maps_next(maps, &i, 0x14000, 0x15000, &part));
	i = 0;
	ck_assert(maps_next(maps, &i, 0x15800, 0x15900, &part));
	ck_assert_uint_eq(part.lo, 0x15800);
	ck_assert_uint_eq(part.hi, 0x15900);
	ck_assert_uint_eq(part.at, 0x6800);
	ck_assert_int_eq(maps_remove(maps, 0, UINT64_MAX, gone, &goners), 0);
	ck_assert_uint_eq(goners, 1);
	ck_assert_uint_eq(img->maps, 0);
	maps_unref(maps, gone, &goners);
}
END_TEST

START_TEST(the_ends_of_a_mapping)
{
	struct maps *maps = mapped(0x10000, 0x20000, 0);
	struct map part;
	size_t i = 0;

	maps_remove(maps, 0, 0x12000, gone, &goners);
	maps_remove(maps, 0x1e000, 0x30000, gone, &goners);
	ck_assert(maps_next(maps, &i, 0, UINT64_MAX, &part));
	ck_assert_uint_eq(part.lo, 0x12000);
	ck_assert_uint_eq(part.hi, 0x1e000);
	ck_assert_uint_eq(part.at, 0x2000);
	ck_assert(!maps_next(maps, &i, 0, UINT64_MAX, &part));
	maps_unref(maps, gone, &goners);
	ck_assert_uint_eq(goners, 1);
}
END_TEST

START_TEST(a_child_has_a_copy)
{
	struct maps *maps = mapped(0x10000, 0x20000, 0);
	struct maps *copy = maps_copy(maps);

	ck_assert_ptr_nonnull(copy);
	ck_assert_uint_eq(img->maps, 2);
	maps_unref(maps, gone, &goners);
	ck_assert_uint_eq(goners, 0);
	maps_unref(copy, gone, &goners);
	ck_assert_uint_eq(goners, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("image");
	TCase *tc = tcase_create("image");
	SRunner *sr;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_for_each_file);
	tcase_add_test(tc, pieces_are_asked_for_once);
	tcase_add_test(tc, changes_are_found_and_written_once);
	tcase_add_test(tc, what_the_program_changed_stays);
	tcase_add_test(tc, a_call_writes_both_sides);
	tcase_add_test(tc, what_is_cut_comes_back_as_zero);
	tcase_add_test(tc, holes_take_nothing);
	tcase_add_test(tc, a_hole_ends_behind_the_part);
	tcase_add_test(tc, a_hole_in_a_mapping);
	tcase_add_test(tc, the_ends_of_a_mapping);
	tcase_add_test(tc, a_child_has_a_copy);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
