/* The grammar of --filter: a set of what can be forwarded, or a sentence. */
#include <errno.h>
#include <string.h>

#include "fuzz/target.h"
#include "tracer/select.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool set[SELECT_IDS];
	char err[300];
	char *spec;
	int ret;

	/* The C library takes all memory for nested repetitions. */
	if (size > 200 || memchr(data, '{', size))
		return 0;
	spec = strndup((const char *)data, size);
	memset(err, 1, sizeof(err));
	ret = select_calls(set, spec, true, err, sizeof(err) - 1);
	REQUIRE(ret == 0 || ret == -EINVAL);
	REQUIRE(err[sizeof(err) - 1] == 1);
	REQUIRE(memchr(err, 0, sizeof(err)));
	REQUIRE(ret == 0 || err[0]);
	for (size_t i = 0; i < call_count; i++)
		REQUIRE(!set[call_table[i].id] ||
			select_can_forward(&call_table[i]));
	free(spec);
	return 0;
}
