/* The URL of a channel: nothing is opened, and a refusal has its sentence. */
#include <string.h>

#include "fuzz/target.h"
#include "transport/channel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *url = strndup((const char *)data, size);
	char err[300];
	int ret;

	memset(err, 1, sizeof(err));
	ret = channel_check(url, err, sizeof(err) - 1);
	REQUIRE(ret <= 0);
	REQUIRE(err[sizeof(err) - 1] == 1);
	REQUIRE(!ret || memchr(err, 0, sizeof(err)));
	free(url);
	return 0;
}
