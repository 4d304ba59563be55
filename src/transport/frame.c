/* Frames: a length and one CBOR item. */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/io.h"
#include "transport/frame.h"

int frame_begin(struct buf *buf, size_t *mark)
{
	static const uint8_t none[FRAME_HEAD];

	*mark = buf->len;
	return buf_add(buf, none, sizeof(none));
}

int frame_end(struct buf *buf, size_t mark)
{
	size_t len = buf->len - mark - FRAME_HEAD;
	uint32_t be;

	if (len > FRAME_MAX) {
		buf->len = mark;
		return -EMSGSIZE;
	}
	be = htonl((uint32_t)len);
	memcpy(buf->data + mark, &be, sizeof(be));
	return 0;
}

static int check_len(uint32_t len)
{
	if (len > FRAME_MAX)
		return -EMSGSIZE;
	return len ? 0 : -EPROTO;
}

int frame_next(const struct buf *buf, const uint8_t **body, size_t *len)
{
	uint32_t be;
	int err;

	if (buf->len < FRAME_HEAD)
		return 0;
	memcpy(&be, buf->data, sizeof(be));
	*len = ntohl(be);
	err = check_len((uint32_t)*len);
	if (err)
		return err;
	*body = buf->data + FRAME_HEAD;
	return buf->len - FRAME_HEAD >= *len;
}

int frame_read(int fd, struct buf *buf)
{
	uint32_t be;
	int err;

	err = io_read_all(fd, &be, sizeof(be));
	if (!err)
		err = check_len(ntohl(be));
	if (err)
		return err;
	buf->len = 0;
	err = buf_reserve(buf, ntohl(be));
	if (!err)
		err = io_read_all(fd, buf->data, ntohl(be));
	if (!err)
		buf->len = ntohl(be);
	return err;
}
